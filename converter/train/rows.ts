/** The frozen part of a step: inference computes each row of the batch, and what the suffix reads is gathered. */
import { isQuantized } from "../ir/eval/quantize.ts";
import { stridesOf } from "../ir/eval/strides.ts";
import { bytesOf, sizeOf, tensorOf } from "../ir/graph.ts";
import { LoweringContext, type KernelCall, type Operand, type Program } from "../lower/context.ts";
import { copyStrided } from "../lower/move.ts";
import type { TrainingPlan } from "./plan.ts";
import type { HostInput, Inference } from "./programs.ts";
import type { Boundary } from "./split.ts";

type Call = KernelCall | { inference: number };

/** @param own the program of the suffix: the buffers that this part needs are added to it */
export function rowCalls(plan: TrainingPlan, inference: Inference, inputs: readonly HostInput[], own: Program): Call[] {
  const inner = plan.boundaries.filter((b) => !b.isInput);
  if (!inner.length) return [];
  const c = new LoweringContext(plan.graph, "fast"), { calls } = inference.program, last = calls.findLastIndex((call) => inference.prefix.has(call.node));
  c.program.buffers = own.buffers;
  c.program.constants = own.constants;
  for (const i of inputs) own.buffers.set(i.id, i.bytes);
  const prefix = calls.slice(0, last + 1).map((_, position) => ({ inference: position }));
  return Array.from({ length: plan.part }, (_, row): Call[] => {
    c.begin(`row ${row}`);
    const before = c.program.calls.length;
    for (const i of inputs) giveRow(c, inference, i, row, plan.part);
    const given = c.program.calls.slice(before);
    for (const b of inner) takeRow(c, inference, b, row);
    return [...given, ...prefix, ...c.program.calls.slice(before + given.length)];
  }).flat();
}

/** One of the `rows` samples that the host gives becomes the input of inference. */
function giveRow(c: LoweringContext, { graph }: Inference, input: HostInput, row: number, rows: number): void {
  const bytes = bytesOf(tensorOf(graph, input.name).dtype), size = input.bytes / rows / bytes, strides = [1];
  copyStrided(c, [size], bytes, { at: { kind: "tensor", id: input.id, offset: row * size * bytes }, strides }, { at: { kind: "inference", id: input.name, offset: 0 }, strides });
}

/** What inference computed becomes row `row` of the batch, as floats. */
function takeRow(c: LoweringContext, { graph }: Inference, { name, axis }: Boundary, row: number): void {
  const tensor = tensorOf(graph, name), to = c.tensor(name), from: Operand = { kind: "inference", id: name, offset: 0 }, strides = stridesOf(to.shape), start = row * strides[axis]!;
  const whole = sizeOf(to.shape.slice(0, axis)) === 1, at = { ...c.at(name), offset: whole ? 4 * start : 0 };
  const y = whole ? at : c.scratch(4 * sizeOf(tensor.shape));
  if (isQuantized(tensor)) {
    const { scale, zeroPoint } = tensor.quantization;
    c.call("dequantize", { x: from, y, n: sizeOf(tensor.shape), bytes: bytesOf(tensor.dtype), flip: 0, zero: zeroPoint[0]!, scale: scale[0]! }, ["y"]);
  } else if (whole) return copyStrided(c, [sizeOf(tensor.shape)], 4, { at: from, strides: [1] }, { at: y, strides: [1] });
  if (whole) return;
  copyStrided(c, tensor.shape, 4, { at: isQuantized(tensor) ? y : from, strides: stridesOf(tensor.shape) }, { at, start, strides });
}
