/** What the graph has no operators for: all of it is named at once, before anything is read. */
import { modelError } from "../../ir/error.ts";
import type { OperatorTable } from "./node.ts";
import { decompositionOf, options, type TfliteModel, type TfliteOperator, type TfliteSubgraph } from "./schema.ts";

/** Forms of known operators that are refused, by what they have. */
const forms: Record<string, (op: TfliteOperator) => string> = {
  UNIDIRECTIONAL_SEQUENCE_LSTM: (op) => {
    const { diagonalRecurrent, projectionClip } = options.unidirectionalLstm(op);
    return diagonalRecurrent ? "diagonal recurrent weights" : lstmForm(op, 9, 20, projectionClip);
  },
  LSTM: (op) => lstmForm(op, 9, 20, options.lstm(op).projectionClip),
  BIDIRECTIONAL_SEQUENCE_LSTM: (op) => bidirectionalForm(op),
  BIDIRECTIONAL_SEQUENCE_RNN: (op) => (given(op, 9) ? "an auxiliary input" : ""),
};

const given = (op: TfliteOperator, ...inputs: number[]): boolean => inputs.some((i) => (op.inputs[i] ?? -1) >= 0);

/** `cell`: first of three peephole weights, then 4 biases and 2 of the projection; `norm`: first of four layer normalizations. */
function lstmForm(op: TfliteOperator, cell: number, norm: number, projectionClip: number): string {
  if (given(op, cell, cell + 1, cell + 2)) return "peephole weights";
  if (given(op, cell + 7, cell + 8) || projectionClip > 0) return "a projection";
  return norm > 0 && given(op, norm, norm + 1, norm + 2, norm + 3) ? "layer normalization" : "";
}

function bidirectionalForm(op: TfliteOperator): string {
  const { projectionClip } = options.bidirectionalLstm(op);
  return lstmForm(op, 9, 0, projectionClip) || lstmForm(op, 26, 0, projectionClip) || (given(op, 39) ? "an auxiliary input" : "");
}

/** What of an operator cannot be read, or "". */
export function refusalOf(op: TfliteOperator, known: OperatorTable): string {
  const form = forms[op.type]?.(op);
  return !Object.hasOwn(known, op.type) ? op.type : form ? `${op.type} with ${form}` : "";
}

/** @throws OctavoError ERR_OCTAVO_OPERATOR that counts and names every operator, and every form of one, that cannot be read */
export function refuseUnsupported(model: TfliteModel, known: OperatorTable): void {
  const counts = new Map<string, number>();
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
  for (const { operators, tensors } of reachable(model)) {
    for (const op of operators) {
      const refusal = refusalOf(op, known);
      if (refusal) count(refusal);
    }
    for (const t of tensors) if (t.refusal) count(`tensor that ${t.refusal}`);
  }
  if (!counts.size) return;
  const list = [...counts].sort().map(([what, times]) => `${times} × ${what}`).join(", ");
  const problem = `it has ${list}, none of which can be run; expected built-in operators of CNN and recurrent models`;
  throw modelError("ERR_OCTAVO_OPERATOR", "tflite", "model", problem, remedy([...counts.keys()]));
}

/** Subgraphs that an operator calls. */
const calls: Record<string, (op: TfliteOperator) => number[]> = {
  IF: (op) => [options.if(op).then, options.if(op).else],
  WHILE: (op) => [options.while(op).condition, options.while(op).body],
  CALL_ONCE: (op) => [options.callOnce(op).subgraph],
  STABLEHLO_COMPOSITE: (op) => [decompositionOf(op)],
};

/** The first subgraph and what it calls: others belong to other signatures. */
function reachable(model: TfliteModel): TfliteSubgraph[] {
  const found = new Set([0]);
  for (const index of found) for (const op of model.subgraphs[index]?.operators ?? []) for (const callee of calls[op.type]?.(op) ?? []) found.add(callee);
  return [...found].flatMap((index) => model.subgraphs[index] ?? []);
}

const remedy = (names: string[]): string => {
  if (names.some((n) => n.startsWith("TensorFlow operator"))) {
    return "Convert with TFLITE_BUILTINS only, or replace these layers; recurrent layers are read from .keras and .h5 files directly.";
  }
  if (names.some((n) => n.startsWith("tensor"))) return "Export without pruning to sparse storage and with all data in the file.";
  return "Replace these layers, or end the model before them (--cut TENSOR).";
};
