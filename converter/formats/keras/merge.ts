/** Layers of several inputs. */
import type { BinaryOp } from "../../ir/ops.ts";
import { affine, axisOf, binary, concat, div, matmul, range, rankOf, reduce, reshape, transpose, unary } from "../onnx/write.ts";
import type { Layer, LayerFunction } from "./layer.ts";

export const merges: Record<string, LayerFunction> = {
  Add: fold("add"), Multiply: fold("mul"), Maximum: fold("max"), Minimum: fold("min"), Subtract: fold("sub"),
  Average: (l, inputs) => affine(l.g, fold("add")(l, inputs), 1 / inputs.length, 0),
  Concatenate: concatenate, Dot: dot,
};

function fold(op: BinaryOp): (l: Layer, inputs: string[]) => string {
  return (l, inputs) => {
    if (inputs.length < 2) l.g.fail(`it has ${inputs.length} inputs, expected 2 or more`, "", "ERR_OCTAVO_FORMAT");
    const rank = Math.max(...inputs.map((x) => rankOf(l.g, x)));
    return inputs.map((x) => widened(l, x, rank)).reduce((a, b) => binary(l.g, op, a, b));
  };
}

/** Keras puts missing axes behind the batch: [N,C] beside [N,T,C] becomes [N,1,C]. */
function widened(l: Layer, x: string, rank: number): string {
  const [N, ...rest] = l.g.shape(x) as [number, ...number[]];
  return reshape(l.g, x, [N, ...new Array<number>(rank - 1 - rest.length).fill(1), ...rest]);
}

function concatenate(l: Layer, inputs: string[]): string {
  return concat(l.g, inputs, axisOf(l.g, l.config.int("axis", -1), rankOf(l.g, inputs[0]!)));
}

/** Contracts one axis of each input, sample by sample: a [N,M,K] · b [N,K,P]; inputs of two axes have M or P = 1. */
function dot(l: Layer, inputs: string[]): string {
  if (inputs.length !== 2) l.g.fail(`it has ${inputs.length} inputs, expected 2`, "", "ERR_OCTAVO_FORMAT");
  const axes = l.config.ints("axes", 2, undefined, -3), [a, b] = inputs.map((x, i) => operand(l, x, axes[i]!)) as [Operand, Operand];
  const [N, M] = l.g.shape(a.x) as [number, number], P = l.g.shape(b.x)[1]!;
  const y = matmul(l.g, a.x, transpose(l.g, b.x, [0, 2, 1]));
  return reshape(l.g, y, a.flat && b.flat ? [N, 1] : [N, ...(a.flat ? [] : [M]), ...(b.flat ? [] : [P])]);
}

interface Operand { x: string; flat: boolean }

/** The contracted axis last, one axis before it. */
function operand(l: Layer, input: string, axis: number): Operand {
  const rank = rankOf(l.g, input), at = axisOf(l.g, axis, rank);
  if (rank < 2 || rank > 3 || at === 0) {
    l.g.fail(`it contracts axis ${axis} of [${l.g.shape(input).join(",")}], expected another axis than the batch, of 2 or 3`, "");
  }
  const x = l.config.bool("normalize", false) ? div(l.g, input, unary(l.g, "clip", reduce(l.g, "reduceL2", input, [at], true), 1e-12, Infinity))
    : input;
  const last = transpose(l.g, x, [...range(rank).filter((i) => i !== at), at]), [N, ...rest] = l.g.shape(last) as [number, ...number[]];
  return { x: rank === 2 ? reshape(l.g, last, [N, 1, ...rest]) : last, flat: rank === 2 };
}
