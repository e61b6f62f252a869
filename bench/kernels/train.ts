/** Operators of training, each alone in a graph. */
import { GraphBuilder } from "../../converter/ir/builder.ts";
import type { Graph } from "../../converter/ir/graph.ts";
import { noClamp, type Attributes, type OpName } from "../../converter/ir/ops.ts";
import { recurrentSignatures, sizedBy } from "../../converter/ir/ops.recurrent.grad.ts";

/** One operator; every operand is an input. */
function graphOf<K extends OpName>(op: K, shapes: number[][], attributes: Attributes<K>): Graph {
  const b = new GraphBuilder("bench", op);
  b.output(b.add(op, shapes.map((shape, i) => b.input(`x${i}`, "float32", shape)), attributes, ["y"]));
  return b.graph;
}

const depthwise = (stride: number) => ({ stride: [stride, stride], dilation: [1, 1], pad: [1, 1, 1, 1], groups: 64 });
const window = (k: number) => ({ stride: [1, 1], dilation: [1, 1], pad: k === 1 ? [0, 0, 0, 0] : [1, 1, 1, 1], groups: 1 });
const weightGrad = ([N, H, W, C]: [number, number, number, number], O: number, k: number) => graphOf("conv2dWeightGrad", [[O, k, k, C], [N, H, W, C], [N, H, W, O]], window(k));
const inputGrad = ([N, H, W, C]: [number, number, number, number], O: number, k: number) => graphOf("conv2dInputGrad", [[N, H, W, O], [O, k, k, C]], { ...window(k), size: [H, W] });
const pool = { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [0, 0, 0, 0] };
/** A recurrent layer from its gates on: 28 steps, 128 units. */
const recurrent = (op: keyof typeof recurrentSignatures, N: number, more = {}) => () =>
  graphOf(op, recurrentSignatures[op].inputs.map((o) => sizedBy({ T: 28, N, H: 128 }, o)), { hidden: 128, ...more } as Attributes<typeof op>);
export const trainCases: Record<string, () => Graph> = {
  "conv 16×32² 3→32": () => graphOf("conv2d", [[16, 32, 32, 3], [32, 3, 3, 3], [32]], { ...window(3), clamp: noClamp }),
  "conv 16×16² 32→64": () => graphOf("conv2d", [[16, 16, 16, 32], [64, 3, 3, 32], [64]], { ...window(3), clamp: noClamp }),
  "dense 16 rows 4096→128": () => graphOf("dense", [[16, 4096], [128, 4096], [128]], { clamp: noClamp }),
  "dw 16×32² 3→32": () => weightGrad([16, 32, 32, 3], 32, 3),
  "dw 16×16² 32→64": () => weightGrad([16, 16, 16, 32], 64, 3),
  "dw 16 rows 4096→128": () => weightGrad([1, 1, 16, 4096], 128, 1),
  "dw 896 rows 128→512": () => weightGrad([1, 1, 896, 128], 512, 1),
  "dw 16 rows 128→10": () => weightGrad([1, 1, 16, 128], 10, 1),
  "dw 4×14² 128→128": () => weightGrad([4, 14, 14, 128], 128, 3),
  "dx 16×16² 32→64": () => inputGrad([16, 16, 16, 32], 64, 3),
  "dx 16 rows 4096→128": () => inputGrad([1, 1, 16, 4096], 128, 1),
  "dx 896 rows 128→512": () => inputGrad([1, 1, 896, 128], 512, 1),
  "depthwise dw 4×24² 64": () => graphOf("conv2dWeightGrad", [[64, 3, 3, 1], [4, 24, 24, 64], [4, 24, 24, 64]], depthwise(1)),
  "depthwise dx 4×24² 64": () => graphOf("conv2dInputGrad", [[4, 24, 24, 64], [64, 3, 3, 1]], { ...depthwise(1), size: [24, 24] }),
  "depthwise dw 4×48² 64 s2": () => graphOf("conv2dWeightGrad", [[64, 3, 3, 1], [4, 48, 48, 64], [4, 24, 24, 64]], depthwise(2)),
  "depthwise dx 4×48² 64 s2": () => graphOf("conv2dInputGrad", [[4, 24, 24, 64], [64, 3, 3, 1]], { ...depthwise(2), size: [48, 48] }),
  "db 16×32² 32": () => graphOf("biasGrad", [[32], [16, 32, 32, 32]], {}),
  "maxPool 2² 16×32² 32": () => graphOf("maxPool2d", [[16, 32, 32, 32]], { ...pool, clamp: noClamp }),
  "maxPool 2² dx 16×32² 32": () => graphOf("maxPool2dGrad", [[16, 32, 32, 32], [16, 16, 16, 32], [16, 16, 16, 32]], pool),
  "clamp dx 16×32² 32": () => graphOf("clampGrad", [[16, 32, 32, 32], [16, 32, 32, 32]], { min: 0, max: Infinity }),
  "lstm 28×32 128": recurrent("lstmForward", 32),
  "lstm 28×32 128 grad": recurrent("lstmGrad", 32),
  "lstm 28×16 128": recurrent("lstmForward", 16),
  "lstm 28×16 128 grad": recurrent("lstmGrad", 16),
  "gru 28×32 128": recurrent("gruForward", 32, { linearBeforeReset: true }),
  "gru 28×32 128 grad": recurrent("gruGrad", 32, { linearBeforeReset: true }),
  "rnn 28×32 128": recurrent("rnnForward", 32, { activation: "tanh" }),
  "rnn 28×32 128 grad": recurrent("rnnGrad", 32, { activation: "tanh" }),
  "embedding 896 of 1000×64": () => graphOf("gatherGrad", [[1000, 64], [896], [896, 64]], {}),
};
