/** The frozen part of a step: inference computes each row of the batch, and what the suffix reads is gathered. */
import { isQuantized } from "../ir/eval/quantize.ts";
import { stridesOf } from "../ir/eval/strides.ts";
import { bytesOf, sizeOf, tensorOf } from "../ir/graph.ts";
import { LoweringContext, type KernelCall, type Operand, type Program } from "../lower/context.ts";
import { mapScalar } from "../lower/elementwise.ts";
import { copyStrided } from "../lower/move.ts";
import type { Moving } from "./moving.ts";
import type { TrainingPlan } from "./plan.ts";
import type { HostInput, Inference } from "./programs.ts";
import type { Boundary } from "./split.ts";
import { constantOf, storedAs } from "./storage.ts";

type Call = KernelCall | { inference: number };

/**
 * What a layer reads of which some channels are trained is taken before inference computes the others, and may overwrite it.
 * @param own the program of the suffix: the buffers that this part needs are added to it
 */
export function rowCalls(plan: TrainingPlan, inference: Inference, moving: Moving, inputs: readonly HostInput[], own: Program): Call[] {
  const inner = plan.boundaries.filter((b) => !b.isInput);
  if (!inner.length) return [];
  const c = new LoweringContext(plan.graph, "fast"), { calls } = inference.program, last = calls.findLastIndex((call) => inference.prefix.has(call.node));
  c.program.buffers = own.buffers;
  c.program.constants = own.constants;
  for (const i of inputs) own.buffers.set(i.id, i.bytes);
  const { isResult, first = last + 1 } = partlyTrained(plan, inference), prefix = calls.slice(0, last + 1).map((_, position) => ({ inference: position }));
  const written = (write: () => void): Call[] => {
    const before = c.program.calls.length;
    write();
    return c.program.calls.slice(before);
  };
  return Array.from({ length: plan.part }, (_, row): Call[] => {
    c.begin(`row ${row}`);
    const take = (late: boolean) => written(() => inner.filter((b) => isResult(b.name) === late).forEach((b) => takeRow(c, inference, moving, b, row)));
    return [...written(() => inputs.forEach((i) => giveRow(c, inference, i, row, plan.part))), ...prefix.slice(0, first), ...take(false), ...prefix.slice(first), ...take(true)];
  }).flat();
}

/** Layers of the prefix of which some channels are trained: their first call, and whether a tensor is a result of theirs. */
function partlyTrained({ parameters }: TrainingPlan, { graph, prefix, program }: Inference): { first?: number; isResult: (name: string) => boolean } {
  const layers = new Set(parameters.filter((p) => p.part && prefix.has(p.layer)).map((p) => p.layer)), first = program.calls.findIndex((call) => layers.has(call.node));
  const results = new Set(graph.nodes.filter((n) => layers.has(n.name)).flatMap((n) => n.outputs));
  return { isResult: (name) => results.has(name), ...(first >= 0 && { first }) };
}

/** One of the `rows` samples that the host gives becomes the input of inference. */
function giveRow(c: LoweringContext, { graph }: Inference, input: HostInput, row: number, rows: number): void {
  const bytes = bytesOf(tensorOf(graph, input.name).dtype), size = input.bytes / rows / bytes, strides = [1];
  copyStrided(c, [size], bytes, { at: { kind: "tensor", id: input.id, offset: row * size * bytes }, strides }, { at: { kind: "inference", id: input.name, offset: 0 }, strides });
}

/** What inference computed becomes row `row` of the batch, as floats; a scale that moves is what the last commit made it. */
function takeRow(c: LoweringContext, { graph }: Inference, moving: Moving, { name, axis }: Boundary, row: number): void {
  const tensor = tensorOf(graph, name), to = c.tensor(name), from: Operand = { kind: "inference", id: name, offset: 0 }, strides = stridesOf(to.shape), start = row * strides[axis]!;
  const whole = sizeOf(to.shape.slice(0, axis)) === 1, at = { ...c.at(name), offset: whole ? 4 * start : 0 };
  const y = whole ? at : c.scratch(4 * sizeOf(tensor.shape));
  if (isQuantized(tensor)) {
    const { scale, zeroPoint } = tensor.quantization;
    const n = sizeOf(tensor.shape), moves = [...moving].find(([, tensors]) => tensors.includes(name))?.[0];
    c.call("dequantize", { x: from, y, n, bytes: bytesOf(tensor.dtype), flip: 0, zero: zeroPoint[0]!, scale: moves === undefined ? scale[0]! : 1 }, ["y"]);
    if (moves !== undefined) mapScalar(c, "mul", n, y, constantOf(storedAs(moves)), y);
  } else if (whole) return copyStrided(c, [sizeOf(tensor.shape)], 4, { at: from, strides: [1] }, { at: y, strides: [1] });
  if (whole) return;
  copyStrided(c, tensor.shape, 4, { at: isQuantized(tensor) ? y : from, strides: stridesOf(tensor.shape) }, { at, start, strides });
}
