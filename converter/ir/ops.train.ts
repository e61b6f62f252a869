/**
 * The operators of training, float32: gradients, losses and fake quantization. An operator that accumulates takes what is
 * there as its first input, `acc`, and returns it with the gradient added; a lowering gives both the same bytes.
 * Sums over rows and pixels: one accumulator per output, in ascending order.
 */
import { recurrentTrainOps, type RecurrentTrainAttributes } from "./ops.recurrent.grad.ts";
import { fail, show, spatial, type Inputs, type OpRule, type Result, type Window } from "./shapes.ts";

/**
 * What a row of a prediction x [C] costs, given its target q [C]. PyTorch's definitions:
 * softmaxCrossEntropy −Σ q · log softmax(x) · sigmoidCrossEntropy, meanSquaredError, meanAbsoluteError, huber (`parameter`: its
 * delta): means over C · distillation T² · KL(softmax(q / T) ‖ softmax(x / T)), q a teacher's logits, T = `parameter` ·
 * negativeLogLikelihood −Σ q · x, x logarithms already. The order is their number in the kernel: append only.
 */
export const lossKinds = ["softmaxCrossEntropy", "sigmoidCrossEntropy", "meanSquaredError", "meanAbsoluteError", "huber", "distillation", "negativeLogLikelihood"] as const;
export type LossKind = (typeof lossKinds)[number];

export interface TrainAttributes extends RecurrentTrainAttributes {
  /** x, s [1]? → scale · (clamp(round(x / scale) + zeroPoint, lo, hi) − zeroPoint), halves to even: the real number that an integer tensor would hold. s: a scale that moves, in place of `scale` */
  fakeQuant: { scale: number; zeroPoint: number; lo: number; hi: number };
  /**
   * w [O,…], scale [O] → w on the grid of each row, s · clamp(round(w / s), −limit, limit). s is the row's scale, or
   * max |w[o]| / limit where max |w[o]| > (limit + 0.49) · scale[o].
   */
  fakeQuantRows: { limit: number };
  /** x [...,C], y [...,n] → x with those in place of its channels `channels`, ascending: what is trained of a layer */
  withChannels: { channels: number[] };
  /** acc [1], x → max(acc, the scale that x needs between lo and hi): the gradient of a scale that moves, as it were */
  observe: { zeroPoint: number; lo: number; hi: number };
  /** → the weights of a frozen layer as floats, from what inference holds: converter/train/frozen.ts. */
  storedWeights: { layer: string; role: string; direction: number; shape: number[] };
  /** acc [O,KH,KW,C/groups], x [N,H,W,C], dy [N,OH,OW,O] → acc + gradient by the weights. Of dense layers too: rows are pixels. */
  conv2dWeightGrad: Window & { groups: number };
  /** dy [N,OH,OW,O], w [O,KH,KW,C/groups] → dx [N,H,W,C]; `size`: [H,W] */
  conv2dInputGrad: Window & { groups: number; size: number[] };
  /** x [N,H,W,C], y, dy [N,OH,OW,C] → dx: the first maximum of a window gets its dy */
  maxPool2dGrad: Window & { kernel: number[] };
  /** dy [N,OH,OW,C] → dx [N,H,W,C]; `size`: [H,W] */
  averagePool2dGrad: Window & { kernel: number[]; countIncludePad: boolean; size: number[] };
  /** acc [O], dy [...,O] → acc + the sum over all rows */
  biasGrad: Record<never, never>;
  /**
   * prediction [N,…,C], labels [N,…] (`index`: class of each row, q is 1 there) or [N,…,C] (`values`), weights [N]
   * → loss [] = Σ weight · l, d [N,…,C] = weight · ∂l. Each of the R rows of sample n counts weights[n] / R; a row of weight 0 is not looked at.
   */
  loss: { kind: LossKind; labels: "index" | "values"; parameter: number };
  /** acc, g → acc + g, equal shapes */
  accumulate: Record<never, never>;
  /** v, dy → dx = min < v < max ? dy : 0; v is the argument or the result of the clamp */
  clampGrad: { min: number; max: number };
  /** acc [V,…] · indices, negative ones from the end · dy [...indices,…] → acc[i] + dy of each index i, in their order: the gradient of gather along axis 0 */
  gatherGrad: Record<never, never>;
}

export type TrainOp = keyof TrainAttributes;

/** Operands of one shape, which is that of the result. */
const alike = (_: unknown, inputs: Inputs): Result[] => {
  const [first, ...others] = inputs.map((t) => t!.shape);
  for (const other of others) if (show(other) !== show(first!)) fail(`shapes are ${show(first!)} and ${show(other)}, expected equal ones`);
  return [{ dtype: inputs[0]!.dtype, shape: [...first!] }];
};

function gatherGrad(_: unknown, [acc, i, dy]: Inputs): Result[] {
  const expected = [...i!.shape, ...acc!.shape.slice(1)];
  if (acc!.shape.length < 1 || show(dy!.shape) !== show(expected)) fail(`dy has shape ${show(dy!.shape)}, expected ${show(expected)}`);
  return [{ dtype: acc!.dtype, shape: [...acc!.shape] }];
}

function fakeQuantRows(_: unknown, [w, scale]: Inputs): Result[] {
  if (show(scale!.shape) !== show(w!.shape.slice(0, 1))) fail(`scale has shape ${show(scale!.shape)}, expected ${show(w!.shape.slice(0, 1))}`);
  return [{ dtype: w!.dtype, shape: [...w!.shape] }];
}

function withChannels({ channels }: TrainAttributes["withChannels"], [x, y]: Inputs): Result[] {
  const rows = x!.shape.slice(0, -1), C = x!.shape.at(-1)!;
  expect("y", y!.shape, [...rows, channels.length]);
  if (channels.some((c, i) => !(c >= 0 && c < C && (i === 0 || c > channels[i - 1]!)))) fail(`channels ${channels.join(",")} are not ascending in ${show(x!.shape)}`);
  return [{ dtype: x!.dtype, shape: [...x!.shape] }];
}

const expect = (name: string, found: readonly number[], expected: readonly number[]) => {
  if (show(found) !== show(expected)) fail(`${name} has shape ${show(found)}, expected ${show(expected)}`);
};

function conv2dWeightGrad(a: TrainAttributes["conv2dWeightGrad"], [acc, x, dy]: Inputs): Result[] {
  const [O, , , Cg] = acc!.shape as [number, number, number, number];
  if (Cg * a.groups !== x!.shape[3] || O % a.groups) fail(`weights ${show(acc!.shape)} with ${a.groups} groups do not fit input ${show(x!.shape)}`);
  expect("gradient", dy!.shape, [x!.shape[0]!, ...spatial(x!, acc!.shape.slice(1, 3), a), O]);
  return [{ dtype: acc!.dtype, shape: [...acc!.shape] }];
}

function conv2dInputGrad(a: TrainAttributes["conv2dInputGrad"], [dy, w]: Inputs): Result[] {
  const [O, KH, KW, Cg] = w!.shape as [number, number, number, number], x = { dtype: dy!.dtype, shape: [dy!.shape[0]!, ...a.size, Cg * a.groups] };
  expect("gradient", dy!.shape, [dy!.shape[0]!, ...spatial(x, [KH, KW], a), O]);
  return [x];
}

function maxPool2dGrad(a: TrainAttributes["maxPool2dGrad"], [x, y, dy]: Inputs): Result[] {
  const [N, , , C] = x!.shape as [number, number, number, number], windows = [N, ...spatial(x!, a.kernel, a), C];
  expect("result", y!.shape, windows);
  expect("gradient", dy!.shape, windows);
  return [{ dtype: x!.dtype, shape: [...x!.shape] }];
}

function averagePool2dGrad(a: TrainAttributes["averagePool2dGrad"], [dy]: Inputs): Result[] {
  const [N, , , C] = dy!.shape as [number, number, number, number], x = { dtype: dy!.dtype, shape: [N, ...a.size, C] };
  expect("gradient", dy!.shape, [N, ...spatial(x, a.kernel, a), C]);
  return [x];
}

function loss(a: TrainAttributes["loss"], [prediction, labels, weights]: Inputs): Result[] {
  const { dtype, shape } = prediction!;
  expect("labels", labels!.shape, a.labels === "index" ? shape.slice(0, -1) : shape);
  expect("weights", weights!.shape, shape.slice(0, 1));
  return [{ dtype, shape: [] }, { dtype, shape: [...shape] }];
}

function biasGrad(_: unknown, [acc, dy]: Inputs): Result[] {
  expect("bias", acc!.shape, dy!.shape.slice(-1));
  return [{ dtype: acc!.dtype, shape: [...acc!.shape] }];
}

export const trainOps: { [K in TrainOp]: OpRule<TrainAttributes[K]> } = {
  fakeQuant: { inputs: [1, 2], infer: (_, [x]) => [{ dtype: x!.dtype, shape: [...x!.shape] }] },
  observe: { inputs: [2, 2], infer: (_, [acc]) => [{ dtype: acc!.dtype, shape: [...acc!.shape] }] },
  fakeQuantRows: { inputs: [2, 2], infer: fakeQuantRows },
  withChannels: { inputs: [2, 2], infer: withChannels },
  storedWeights: { inputs: [0, 0], infer: (a) => [{ dtype: "float32", shape: [...a.shape] }] },
  accumulate: { inputs: [2, 2], infer: alike },
  clampGrad: { inputs: [2, 2], infer: alike },
  gatherGrad: { inputs: [3, 3], infer: gatherGrad },
  ...recurrentTrainOps,
  conv2dWeightGrad: { inputs: [3, 3], infer: conv2dWeightGrad },
  conv2dInputGrad: { inputs: [2, 2], infer: conv2dInputGrad },
  biasGrad: { inputs: [2, 2], infer: biasGrad },
  maxPool2dGrad: { inputs: [3, 3], infer: maxPool2dGrad },
  averagePool2dGrad: { inputs: [1, 1], infer: averagePool2dGrad },
  loss: { inputs: [3, 3], infer: loss },
};
