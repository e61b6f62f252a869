/** Attributes and parameter shapes of each operator, beyond what the shape rule of ops.ts needs to know. */
import { OctavoError } from "./error.ts";
import { sizeOf, type Node, type Tensor } from "./graph.ts";
import { activationOps, reduceOps, type OpAttributes, type OpName, type ReduceOp } from "./ops.ts";

type Shapes = number[][];
type Inputs = (Tensor | undefined)[];

const show = (shape: readonly number[]) => `[${shape.join(",")}]`;
function need(condition: boolean, problem: () => string): void {
  if (!condition) throw new OctavoError("ERR_OCTAVO_SHAPE", problem());
}

/** Before the shape rule runs: everything that it would index or divide by. */
export function checkAttributes(node: Node, inputs: Inputs): void {
  const check = before[node.op] as ((a: unknown, shapes: Shapes, inputs: Inputs) => void) | undefined;
  const a = node.attributes as { clamp?: number[] };
  if (a.clamp) need(a.clamp.length === 2 && a.clamp[0]! <= a.clamp[1]!, () => `bounds are ${show(a.clamp!)}, expected [least, most]`);
  check?.(node.attributes, inputs.map((t) => t?.shape ?? []), inputs);
}

const whole = (name: string, values: readonly number[] | undefined, length: number, least: number, most = 2 ** 31 - 1): void =>
  need(values?.length === length && values.every((v) => Number.isInteger(v) && v >= least && v <= most),
    () => `${name} is ${show(values ?? [])}, expected ${length} whole numbers from ${least}${most < 2 ** 31 - 1 ? ` to ${most}` : ""}`);

const axisOf = (name: string, axis: number, shape: readonly number[]): void => whole(name, [axis], 1, 0, shape.length - 1);

const axesOf = (axes: number[], shape: readonly number[]): void => {
  whole("axes", axes, axes.length, 0, shape.length - 1);
  need(new Set(axes).size === axes.length, () => `axes are ${show(axes)}, expected each one once`);
};

const rank = (name: string, shape: readonly number[], expected: number): void =>
  need(shape.length === expected, () => `${name} has shape ${show(shape)}, expected ${expected} axes`);

type Window = { stride: number[]; dilation: number[]; pad: number[] };
function window(a: Window, kernel: readonly number[], x: readonly number[]): void {
  rank("input", x, 4);
  whole("kernel", kernel, 2, 1);
  whole("stride", a.stride, 2, 1);
  whole("dilation", a.dilation, 2, 1);
  whole("padding", a.pad, 4, 0, 65535);
}

function convolution(a: Window & { groups: number }, [x, w]: Shapes): void {
  rank("weights", w!, 4);
  window(a, w!.slice(1, 3), x!);
  whole("groups", [a.groups], 1, 1);
  need(w![0]! % a.groups === 0, () => `${w![0]} output channels do not divide into ${a.groups} groups`);
}

function recurrent(a: OpAttributes["rnn"], shapes: Shapes, count: number): void {
  const D = a.direction === "bidirectional" ? 2 : 1;
  need(["forward", "reverse", "bidirectional"].includes(a.direction), () => `direction is "${a.direction}"`);
  whole("hidden size", [a.hidden], 1, 1);
  need(a.activations.length === count * D && a.activations.every((f) => activationOps.includes(f.fn)),
    () => `found ${a.activations.length} activations, expected ${count * D}`);
  shapes.slice(0, 3).forEach((s, i) => rank(["input", "input weights", "recurrent weights"][i]!, s, 3));
}

const along = (a: { axis: number }, [x]: Shapes) => axisOf("axis", a.axis, x!);
const over = (a: { axes: number[] }, [x]: Shapes) => axesOf(a.axes, x!);

const before: { [K in OpName]?: (a: OpAttributes[K], shapes: Shapes, inputs: Inputs) => void } = {
  conv2d: convolution,
  convTranspose2d: (a, shapes) => {
    convolution(a, shapes);
    whole("output padding", a.outputPadding, 2, 0, 65535);
  },
  conv2dWeightGrad: (a, [acc, x, dy]) => {
    convolution(a, [x!, acc!]);
    rank("gradient", dy!, 4);
  },
  conv2dInputGrad: (a, [dy, w]) => {
    whole("size", a.size, 2, 1);
    convolution(a, [dy!, w!]);
  },
  dense: (_, [x, w]) => {
    rank("weights", w!, 2);
    need(x!.length >= 1, () => "input has no axes, expected at least one");
  },
  maxPool2d: (a, [x]) => window(a, a.kernel, x!),
  loss: (a, [prediction]) => {
    need(prediction!.length >= 2, () => `prediction has shape ${show(prediction!)}, expected [N,…,C]`);
    need((a.kind !== "huber" && a.kind !== "distillation") || a.parameter > 0, () => `${a.kind} has parameter ${a.parameter}, expected a positive number`);
    need(a.kind !== "distillation" || a.labels === "values", () => "distillation needs a teacher's outputs, found class labels");
  },
  averagePool2d: (a, [x]) => window(a, a.kernel, x!),
  maxPool2dGrad: (a, [x]) => window(a, a.kernel, x!),
  averagePool2dGrad: (a, [dy]) => {
    whole("size", a.size, 2, 1);
    window(a, a.kernel, dy!);
  },
  lstm: (a, shapes) => recurrent(a, shapes, 3),
  gru: (a, shapes) => recurrent(a, shapes, 2),
  rnn: (a, shapes) => recurrent(a, shapes, 1),
  softmax: along, logSoftmax: along, batchNorm: along, argMax: along, argMin: along, cumSum: along, gather: along,
  normalize: over,
  ...(Object.fromEntries(reduceOps.map((op) => [op, over])) as Record<ReduceOp, typeof over>),
  reshape: (a) => whole("shape", a.shape, a.shape.length, 0),
  expand: (a) => whole("shape", a.shape, a.shape.length, 0),
  transpose: (a, [x]) => {
    axesOf(a.perm, x!);
    rank("permutation", a.perm, x!.length);
  },
  slice: sliced,
  concat: (a, [x]) => axisOf("axis", a.axis, x!),
  pad: padded,
  tile: (a, [x]) => whole("repeats", a.repeats, x!.length, 0),
  gatherElements: (a, [x, i]) => {
    axisOf("axis", a.axis, x!);
    need(x!.length === i!.length && i!.every((d, k) => k === a.axis || d <= x![k]!), () => `indices ${show(i!)} do not fit data ${show(x!)}`);
  },
  scatterElements: (a, [x, i, u]) => {
    axisOf("axis", a.axis, x!);
    need(show(i!) === show(u!) && x!.length === i!.length && i!.every((d, k) => k === a.axis || d <= x![k]!),
      () => `indices ${show(i!)} and updates ${show(u!)} do not fit data ${show(x!)}`);
  },
  gatherNd: (a, [x, i]) => {
    need(i!.length >= 1, () => "indices have no axes, expected at least one");
    whole("batch axes", [a.batchDims], 1, 0, Math.min(i!.length - 1, x!.length - 1));
    need(a.batchDims + i!.at(-1)! <= x!.length && x!.slice(0, a.batchDims).every((d, k) => d === i![k]),
      () => `indices ${show(i!)} do not fit data ${show(x!)}`);
  },
  resample: resampled,
  topK: (a, [x]) => {
    axisOf("axis", a.axis, x!);
    whole("k", [a.k], 1, 0, x![a.axis]!);
  },
  lut: (_, __, [x, table]) => need(x!.dtype === "int8" && sizeOf(table!.shape) === 256,
    () => `table has ${sizeOf(table!.shape)} entries for ${x!.dtype}, expected 256 for int8`),
};

function sliced(a: OpAttributes["slice"], [x]: Shapes): void {
  const R = x!.length;
  whole("sizes", a.sizes, R, 0);
  whole("starts", a.starts, R, 0);
  whole("steps", a.steps, R, -(2 ** 31));
  for (let k = 0; k < R; k++) {
    const last = a.starts[k]! + (a.sizes[k]! - 1) * a.steps[k]!;
    need(a.steps[k] !== 0 && (a.sizes[k] === 0 || (a.starts[k]! < x![k]! && last >= 0 && last < x![k]!)),
      () => `axis ${k} of ${show(x!)}: start ${a.starts[k]}, step ${a.steps[k]}, size ${a.sizes[k]} reach outside`);
  }
}

function padded(a: OpAttributes["pad"], [x]: Shapes): void {
  whole("padding before", a.before, x!.length, -(2 ** 31));
  whole("padding after", a.after, x!.length, -(2 ** 31));
  need(a.mode === "constant" || x!.every((d, k) => d > 0 || a.before[k]! + a.after[k]! <= 0), () => `nothing to repeat in ${show(x!)}`);
}

function resampled(a: OpAttributes["resample"], [x]: Shapes): void {
  axisOf("axis", a.axis, x!);
  whole("taps", [a.taps], 1, 1);
  need(a.indices.length % a.taps === 0 && a.indices.length === a.weights.length,
    () => `found ${a.indices.length} indices and ${a.weights.length} weights for ${a.taps} taps`);
  whole("indices", a.indices, a.indices.length, 0, x![a.axis]! - 1);
}

/** Shapes of biases, states and the other parameters, given the shapes of the results. */
export function checkOperands(node: Node, inputs: Inputs, results: Shapes): void {
  const shape = (i: number) => inputs[i]?.shape;
  const expect = (i: number, name: string, expected: number[]) => need(!inputs[i] || show(shape(i)!) === show(expected),
    () => `${name} has shape ${show(shape(i)!)}, expected ${show(expected)}`);
  if (node.op === "conv2d" || node.op === "convTranspose2d" || node.op === "dense") return expect(2, "bias", [shape(1)![0]!]);
  if (node.op === "batchNorm") return ["scale", "bias", "mean", "variance"].forEach((name, k) => expect(k + 1, name, [shape(0)![node.attributes.axis]!]));
  if (node.op === "maxPool2d" || node.op === "averagePool2d") return windowsInside(node.attributes, shape(0)!, results[0]!);
  if (node.op !== "lstm" && node.op !== "gru" && node.op !== "rnn") return;
  const H = node.attributes.hidden, D = shape(1)![0]!, N = shape(0)![1]!, state = [D, N, H];
  expect(3, "bias", [D, { lstm: 4, gru: 6, rnn: 1 }[node.op] * H]);
  expect(4, "initial state", state);
  if (node.op !== "lstm") return expect(5, "lengths", [N]);
  expect(5, "initial cell", state);
  expect(6, "peepholes", [D, 3 * H]);
  expect(7, "lengths", [N]);
}

/** A pooling window must touch the input. */
function windowsInside(a: OpAttributes["maxPool2d"] | OpAttributes["averagePool2d"], x: readonly number[], y: readonly number[]): void {
  for (const axis of [0, 1] as const) {
    const lastStart = (y[1 + axis]! - 1) * a.stride[axis]! - a.pad[axis]!;
    need(a.pad[axis]! <= a.dilation[axis]! * (a.kernel[axis]! - 1) && lastStart < x[1 + axis]!,
      () => `a window of ${show(a.kernel)} with padding ${show(a.pad)} lies outside of the input ${show(x)}`);
  }
}
