/** Resource variables: what CALL_ONCE assigns is what they start from, what the model assigns is carried to the next run. */
import { producerOf, sizeOf, type Tensor } from "../../ir/graph.ts";
import type { OperatorTable, TfliteNode } from "./node.ts";
import { options, type TfliteModel, type TfliteOperator, type TfliteSubgraph } from "./schema.ts";
import { spend, type Scope, type Variable } from "./scope.ts";
import { carry, stateTensor } from "./states.ts";
import { checkedShape, dtypeOf, quantizationOf } from "./tensors.ts";

export const variables: OperatorTable = { VAR_HANDLE: varHandle, READ_VARIABLE: readVariable, ASSIGN_VARIABLE: assignVariable };

const keyOf = (op: TfliteOperator): string => {
  const { container, name } = options.varHandle(op);
  return `${container}/${name}`;
};

/** Variables that are assigned outside of initialisation; "*" when it cannot be told which. */
export function assignedVariables(model: TfliteModel): Set<string> {
  const operators = (s: TfliteSubgraph, type: string) => s.operators.filter((op) => op.type === type);
  const once = new Set(model.subgraphs.flatMap((s) => operators(s, "CALL_ONCE").map((op) => options.callOnce(op).subgraph)));
  return new Set(model.subgraphs.flatMap((s, i) => (once.has(i) ? [] : operators(s, "ASSIGN_VARIABLE").map((op) => {
    const handle = operators(s, "VAR_HANDLE").find((h) => h.outputs[0] === op.inputs[0]);
    return handle ? keyOf(handle) : "*";
  }))));
}

function varHandle(n: TfliteNode): void {
  n.target();
  n.scope.handles.set(n.operator.outputs[0]!, keyOf(n.operator));
}

function variableOf(n: TfliteNode): { key: string; v: Variable } {
  n.source(0);
  const key = n.scope.handles.get(n.operator.inputs[0]!) ?? n.damaged("its first input is no variable");
  if (!n.scope.variables.has(key)) n.scope.variables.set(key, { value: "", initial: undefined, state: "" });
  return { key, v: n.scope.variables.get(key)! };
}

/** What this run assigned, or else what the last one left; what is never assigned is a constant. */
function readVariable(n: TfliteNode): void {
  const { key, v } = variableOf(n), { initial } = v, isAssigned = n.scope.assigned.has(key) || n.scope.assigned.has("*");
  if (v.value) n.name(v.value);
  else if (initial && (n.scope.initialising || !isAssigned)) {
    spend(n.scope, sizeOf(initial.shape));
    n.constant(initial.dtype, [...initial.shape], initial.data!, 0, initial.quantization);
  } else if (n.scope.initialising || !isAssigned) n.fail("the variable is read, but nothing assigns it", "Export the model with its variables as constants.");
  else n.name((v.state = v.value = stateOf(n, initial)));
}

function stateOf(n: TfliteNode, initial: Tensor | undefined): string {
  const t = n.target(), like = initial ?? { shape: checkedShape(t), dtype: dtypeOf(t), quantization: quantizationOf(t) };
  return stateTensor(n.scope, n.outputName(), like.dtype, [...like.shape], like.quantization);
}

function assignVariable(n: TfliteNode): void {
  const { v } = variableOf(n), value = n.stored(1);
  if (n.scope.initialising) v.initial = n.graph.valueOf(value) ?? n.fail("a variable's first value depends on the model's inputs, expected a constant");
  v.value = n.scope.initialising ? "" : value;
}

/** Variables that were read before they were assigned carry their last value to the next run. */
export function finishVariables(scope: Scope): void {
  for (const { state, value, initial } of scope.variables.values()) {
    if (!state) continue;
    if (scope.graph.shape(value).join() !== scope.graph.shape(state).join()) scope.graph.fail(`variable "${state}" changes its shape`);
    const computed = producerOf(scope.graph.graph, value) !== undefined;
    carry(scope, state, computed ? value : scope.graph.add("reshape", [value], { shape: scope.graph.shape(value) }), initial?.data);
  }
}
