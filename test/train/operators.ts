/** A small case or more of every operator of training: shapes of its operands, attributes, results. Sizes leave tails behind vectors and panels. */
import type { Attributes, OpName } from "../../converter/ir/ops.ts";
import { lossKinds, type TrainOp } from "../../converter/ir/ops.train.ts";
import { recurrentSignatures, resultsOf, sizedBy, type RecurrentTrainAttributes } from "../../converter/ir/ops.recurrent.grad.ts";

export interface OperatorCase { name: string; op: OpName; shapes: number[][]; attributes: Attributes; outputs: number }
type Described = [shapes: number[][], attributes: object, outputs?: number];

const window = { stride: [1, 1], dilation: [1, 1], pad: [1, 1, 1, 1] }, point = { ...window, pad: [0, 0, 0, 0] }, image = (C: number) => [1, 5, 6, C], size = [5, 6];

const cases: Record<Exclude<TrainOp, keyof RecurrentTrainAttributes>, Described[]> = {
  fakeQuant: [[[[15]], { scale: 0.1, zeroPoint: -128, lo: -128, hi: 127 }], [[[15], [1]], { scale: 0.1, zeroPoint: -28, lo: -128, hi: 127 }]],
  fakeQuantRows: [[[[5, 7], [5]], { limit: 127 }]],
  observe: [[[[1], [15]], { zeroPoint: -8, lo: -128, hi: 127 }], [[[1], [3]], { zeroPoint: -128, lo: -128, hi: 127 }]],
  withChannels: [[[[2, 3, 5], [2, 3, 2]], { channels: [1, 4] }], [[[4, 6], [4, 3]], { channels: [0, 1, 5] }]],
  accumulate: [[[[15], [15]], {}]],
  clampGrad: [[[[15], [15]], { min: 0, max: 6 }]],
  gatherGrad: [[[[5, 3], [4], [4, 3]], {}]],
  biasGrad: [[[[7], [5, 7]], {}]],
  conv2dWeightGrad: [
    [[[7, 3, 3, 3], image(3), image(7)], { ...window, groups: 1 }], [[[6, 3, 3, 2], image(4), image(6)], { ...window, groups: 2 }],
    [[[7, 1, 1, 5], image(5), image(7)], { ...point, groups: 1 }], [[[5, 3, 3, 1], image(5), image(5)], { ...window, groups: 5 }],
  ],
  conv2dInputGrad: [
    [[image(7), [7, 3, 3, 3]], { ...window, groups: 1, size }], [[image(5), [5, 3, 3, 1]], { ...window, groups: 5, size }], [[image(7), [7, 1, 1, 5]], { ...point, groups: 1, size }],
  ],
  maxPool2dGrad: [[[image(7), image(7), image(7)], { ...window, kernel: [3, 3] }]],
  averagePool2dGrad: [[[image(7)], { ...window, kernel: [3, 3], countIncludePad: true, size }]],
  loss: [
    ...lossKinds.map((kind): Described => [[[3, 7], [3, 7], [3]], { kind, labels: "values", parameter: 1.5 }, 2]),
    [[[3, 7], [3], [3]], { kind: "softmaxCrossEntropy", labels: "index", parameter: 1 }, 2],
  ],
};

const forms: Record<string, object[]> = { lstm: [{}], gru: [{ linearBeforeReset: true }, { linearBeforeReset: false }], rnn: [{ activation: "tanh" }, { activation: "relu" }] };

function recurrentCases(op: keyof RecurrentTrainAttributes): Described[] {
  const sizes = [{ T: 3, N: 6, H: 7 }, { T: 1, N: 2, H: 9 }], quantizations = [{}, { quantization: { scale: 0.01, zeroPoint: -128 } }], signature = recurrentSignatures[op];
  return forms[op.slice(0, op.search(/[A-Z]/))]!.flatMap((form) => sizes.map((s, i): Described => {
    const attributes = { hidden: s.H, ...form, ...quantizations[i] };
    return [signature.inputs.map((o) => sizedBy(s, o)), attributes, resultsOf(attributes, signature).length];
  }));
}

const all = { ...cases, ...Object.fromEntries(Object.keys(recurrentSignatures).map((op) => [op, recurrentCases(op as keyof RecurrentTrainAttributes)])) };
export const operatorCases: OperatorCase[] = Object.entries(all).flatMap(([op, described]) =>
  described.map(([shapes, attributes, outputs = 1]) => ({ name: `${op} ${JSON.stringify(shapes)} ${JSON.stringify(attributes)}`, op: op as OpName, shapes, attributes: attributes as Attributes, outputs })));
