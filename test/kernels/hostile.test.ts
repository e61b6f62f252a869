/** Model files whose parameter structs lie: every one is refused, or runs to its end. No trap, no hang, nothing outside of the model's memory. */
import { describe, test } from "vitest";
import { noClamp } from "../../converter/ir/ops.ts";
import { expectNoHarm } from "./hostile.ts";
import { builds, oneNode, type Inputs } from "./run.ts";
import type { Graph } from "../../converter/ir/graph.ts";

const window = { stride: [1, 1], dilation: [1, 1], pad: [1, 1, 1, 1], clamp: noClamp };
const indices = Float32Array.from([2, 0, -1, 5, 1, 3]);
const graphs: Record<string, () => { graph: Graph; inputs: Inputs }> = {
  conv2d: () => oneNode("conv2d", [{ shape: [1, 6, 7, 5] }, { shape: [9, 3, 3, 5], constant: true }, { shape: [9], constant: true }], { ...window, groups: 1 }),
  "conv2d, groups, runtime weights": () => oneNode("conv2d", [{ shape: [1, 6, 7, 4] }, { shape: [6, 3, 3, 2] }], { ...window, groups: 2 }),
  depthwise: () => oneNode("conv2d", [{ shape: [1, 6, 9, 6] }, { shape: [6, 3, 3, 1], constant: true }], { ...window, groups: 6 }),
  convTranspose2d: () => oneNode("convTranspose2d", [{ shape: [1, 4, 4, 3] }, { shape: [5, 3, 3, 3], constant: true }], { ...window, stride: [2, 2], groups: 1, outputPadding: [0, 0] }),
  dense: () => oneNode("dense", [{ shape: [2, 20] }, { shape: [37, 20], constant: true }], { clamp: noClamp }),
  matmul: () => oneNode("matmul", [{ shape: [2, 1, 6, 5] }, { shape: [3, 5, 11] }], {}),
  maxPool2d: () => oneNode("maxPool2d", [{ shape: [1, 7, 7, 6] }], { ...window, kernel: [3, 3] }),
  averagePool2d: () => oneNode("averagePool2d", [{ shape: [1, 7, 7, 6] }], { ...window, kernel: [3, 3], countIncludePad: true }),
  add: () => oneNode("add", [{ shape: [4, 9, 5] }, { shape: [9, 1] }], { clamp: noClamp }),
  sigmoid: () => oneNode("sigmoid", [{ shape: [4, 9, 5] }], { alpha: 0, beta: 0 }),
  where: () => oneNode("where", [{ shape: [4, 1] }, { shape: [9] }, { shape: [4, 9] }], {}),
  transpose: () => oneNode("transpose", [{ shape: [3, 4, 5] }], { perm: [2, 0, 1] }),
  pad: () => oneNode("pad", [{ shape: [3, 4] }], { before: [1, 2], after: [0, 3], mode: "constant", value: 1 }),
  gather: () => oneNode("gather", [{ shape: [3, 6, 4] }, { shape: [6], data: indices }], { axis: 1 }),
  gatherElements: () => oneNode("gatherElements", [{ shape: [6, 4] }, { shape: [6, 1], data: indices }], { axis: 0 }),
  gatherNd: () => oneNode("gatherNd", [{ shape: [6, 6, 4] }, { shape: [3, 2], data: indices }], { batchDims: 0 }),
  scatterElements: () => oneNode("scatterElements", [{ shape: [6, 4] }, { shape: [6, 1], data: indices }, { shape: [6, 1] }], { axis: 0, reduction: "add" }),
  reduceMean: () => oneNode("reduceMean", [{ shape: [3, 6, 4] }], { axes: [1], keepDims: false }),
  reduceLogSumExp: () => oneNode("reduceLogSumExp", [{ shape: [3, 6, 4] }], { axes: [0, 2], keepDims: false }),
  softmax: () => oneNode("softmax", [{ shape: [3, 6, 4] }], { axis: 1 }),
  normalize: () => oneNode("normalize", [{ shape: [3, 6, 4] }], { axes: [2], epsilon: 1e-5 }),
  argMax: () => oneNode("argMax", [{ shape: [3, 6, 4] }], { axis: 1, keepDims: true, selectLast: false }),
  cumSum: () => oneNode("cumSum", [{ shape: [3, 6, 4] }], { axis: 1, exclusive: false, reverse: true }),
  topK: () => oneNode("topK", [{ shape: [3, 6, 4] }], { axis: 1, k: 3, largest: true }, { outputs: 2 }),
  resample: () => oneNode("resample", [{ shape: [1, 3, 3, 4] }], { axis: 1, taps: 2, indices: [0, 1, 1, 2], weights: [0.5, 0.5, 0.5, 0.5] }),
  cast: () => oneNode("cast", [{ shape: [5, 5] }], { to: "int32" }),
  lstm: () => oneNode("lstm", [{ shape: [3, 2, 5] }, { shape: [1, 24, 5], constant: true }, { shape: [1, 24, 6], constant: true }], {
    direction: "forward", hidden: 6, clip: 0, inputForget: false, activations: [{ fn: "sigmoid", alpha: 0, beta: 0 }, { fn: "tanh", alpha: 0, beta: 0 }, { fn: "tanh", alpha: 0, beta: 0 }] }),
};

describe.each(Object.keys(graphs))("%s", (name) => {
  test.each(builds.slice(0, 2).map((b) => [b.name, b] as const))("%s", async (_, build) => {
    const { graph, inputs } = graphs[name]!();
    await expectNoHarm(graph, inputs, build, name.length * 31 + 7);
  });
});
