import { describe, expect, test } from "vitest";
import type { Graph, Node, Quantization } from "../../converter/ir/graph.ts";
import { tensorOf } from "../../converter/ir/graph.ts";
import { noClamp } from "../../converter/ir/ops.ts";
import { columnsToRows } from "../../converter/optimise/columns-to-rows.ts";
import { commonSubexpressions } from "../../converter/optimise/common-subexpressions.ts";
import { deadCode } from "../../converter/optimise/dead-code.ts";
import { dropZeroStates } from "../../converter/optimise/drop-zero-states.ts";
import { foldBatchnorm } from "../../converter/optimise/fold-batchnorm.ts";
import { foldConstants } from "../../converter/optimise/fold-constants.ts";
import { fuseActivation } from "../../converter/optimise/fuse-activation.ts";
import { fuseAffine } from "../../converter/optimise/fuse-affine.ts";
import { fuseAffineBefore } from "../../converter/optimise/fuse-affine-before.ts";
import { fuseClamp } from "../../converter/optimise/fuse-clamp.ts";
import { fuseNormalize } from "../../converter/optimise/fuse-normalize.ts";
import { fusePadding } from "../../converter/optimise/fuse-padding.ts";
import { gatherToSlice } from "../../converter/optimise/gather-to-slice.ts";
import { optimise } from "../../converter/optimise/index.ts";
import { matmulToDense } from "../../converter/optimise/matmul-to-dense.ts";
import { meanToPool } from "../../converter/optimise/mean-to-pool.ts";
import { transposeToReshape } from "../../converter/optimise/layout/merge-transposes.ts";
import { mergeReshapes } from "../../converter/optimise/merge-reshapes.ts";
import { removeIdentities } from "../../converter/optimise/remove-identities.ts";
import { applyRewrites, type Rewrite } from "../../converter/optimise/rewriter.ts";
import { scalarArithmetic } from "../../converter/optimise/scalar-arithmetic.ts";
import { scaleToDepthwise } from "../../converter/optimise/scale-to-depthwise.ts";
import { expectSame, image, opsOf, type Net } from "./support.ts";

interface Example { shape: number[]; build: (n: Net) => string; left: string[]; after?: (g: Graph) => void }

/** Runs the rewrites alone, compares values, and the operators that are left. */
function examples(title: string, rewrites: Rewrite[], list: Record<string, Example>): void {
  describe(title, () => {
    for (const [name, { shape, build, left, after }] of Object.entries(list)) test(name, () => {
      const net = image(...shape), before = net.finish(build(net)), frozen = structuredClone(before);
      const graph = applyRewrites(before, [...rewrites, deadCode], 8);
      expectSame(before, graph);
      expect(opsOf(graph)).toEqual(left);
      expect(before).toEqual(frozen);
      after?.(graph);
    });
  });
}

const node = (graph: Graph, op: Node["op"]): Node => graph.nodes.find((n) => n.op === op)!;
const clampOf = (graph: Graph, op: Node["op"]) => (node(graph, op).attributes as { clamp: number[] }).clamp;
const pool = { kernel: [3, 3], stride: [2, 2], dilation: [1, 1], clamp: noClamp };
const pad = (n: Net, x: string, value: number, before = [0, 1, 2, 0], after = [0, 1, 0, 0]) => n.add("pad", [x], { before, after, mode: "constant", value });

examples("dead code", [], {
  "what nobody reads": { shape: [4], build: (n) => { n.relu(n.unary("exp", "x")); return n.unary("tanh", "x"); }, left: ["tanh"] },
  "an output that nobody reads": {
    shape: [3, 1, 2],
    build: (n) => {
      const f = (fn: "sigmoid" | "tanh") => ({ fn, alpha: 0, beta: 0 });
      n.add("gru", ["x", n.weights(1, 9, 2), n.weights(1, 9, 3)], { direction: "forward", hidden: 3, clip: 0, linearBeforeReset: true, activations: [f("sigmoid"), f("tanh")] }, ["y", "h"]);
      return n.relu("h");
    },
    left: ["gru", "clip"],
    after: (g) => expect(node(g, "gru").outputs[0]).toBe(""),
  },
});

examples("constants", [foldConstants], {
  "arithmetic of constants": { shape: [2], build: (n) => n.binary("add", "x", n.unary("exp", n.binary("mul", n.real([1, 2]), n.real([3])))), left: ["add"] },
  "nothing large is made of a number": {
    shape: [1], build: (n) => n.binary("add", "x", n.add("reduceSum", [n.add("expand", [n.real([1])], { shape: [2 ** 21] })], { axes: [0], keepDims: true })), left: ["expand", "reduceSum", "add"],
  },
});

examples("identities", [removeIdentities, mergeReshapes, transposeToReshape], {
  "of every kind": {
    shape: [1, 2, 2, 3],
    build: (n) => {
      let y = n.reshape(n.transpose("x", 0, 1, 2, 3), 1, 2, 2, 3);
      y = n.add("slice", [y], { starts: [0, 0, 0, 0], steps: [1, 1, 1, 1], sizes: [1, 2, 2, 3] });
      y = pad(n, y, 1, [0, 0, 0, 0], [0, 0, 0, 0]);
      y = n.add("tile", [n.add("expand", [n.add("concat", [y], { axis: 0 })], { shape: [1, 1, 1, 1] })], { repeats: [1, 1, 1, 1] });
      y = n.unary("clip", n.unary("affine", y, 1, 0), -Infinity, Infinity);
      y = n.add("maxPool2d", [n.add("cast", [y], { to: "float32" })], { ...pool, kernel: [1, 1], stride: [1, 1], pad: [0, 0, 0, 0] });
      return n.relu(n.add("reduceMean", [y], { axes: [0], keepDims: true }));
    },
    left: ["clip"],
  },
  "an output keeps its name": { shape: [2, 3], build: (n) => n.reshape(n.relu("x"), 2, 3), left: ["clip"] },
  "an output that is an input": { shape: [2, 3], build: (n) => n.unary("affine", "x", 1, 0), left: ["reshape"] },
  "axes of size 1 move for nothing": { shape: [1, 3, 1, 2], build: (n) => n.relu(n.transpose("x", 0, 2, 1, 3)), left: ["reshape", "clip"] },
  "reshapes": { shape: [2, 6], build: (n) => n.relu(n.reshape(n.reshape("x", 3, 4), 12)), left: ["reshape", "clip"] },
});

examples("common subexpressions", [commonSubexpressions], {
  "twice the same": { shape: [3], build: (n) => n.binary("add", n.relu(n.unary("exp", "x")), n.relu(n.unary("exp", "x"))), left: ["exp", "clip", "add"] },
  "not the same bounds": { shape: [3], build: (n) => n.binary("add", n.unary("clip", "x", -Infinity, 0), n.unary("clip", "x", 0, Infinity)), left: ["clip", "clip", "add"] },
});

examples("arithmetic with numbers", [scalarArithmetic, removeIdentities], {
  "a chain is one affine": { shape: [3], build: (n) => n.binary("sub", n.real([2]), n.binary("div", n.binary("mul", n.binary("add", "x", n.real([1])), n.real([3])), n.real([2, 2, 2]))), left: ["affine"] },
  "bounds": { shape: [3], build: (n) => n.binary("min", n.binary("max", n.real([0]), "x"), n.real([0.5])), left: ["clip"] },
  "powers and slopes": { shape: [3], build: (n) => n.binary("prelu", n.binary("pow", n.binary("div", n.real([2]), n.binary("pow", "x", n.real([2]))), n.real([0.5])), n.real([0.1])), left: ["mul", "reciprocal", "affine", "sqrt", "leakyRelu"] },
  "not where the number makes the shape": { shape: [3], build: (n) => n.binary("add", "x", n.real([1], [1, 1])), left: ["add"] },
  "a fused bound is kept": { shape: [3], build: (n) => n.add("add", ["x", n.real([0.25])], { clamp: [0, 0.5] }), left: ["affine", "clip"] },
});

examples("bounds go into the operator before", [fuseClamp], {
  "convolution": { shape: [1, 4, 4, 2], build: (n) => n.unary("clip", n.conv("x", 3), 0, 0.1), left: ["conv2d"], after: (g) => expect(clampOf(g, "conv2d")).toEqual([0, 0.1]) },
  "twice": { shape: [1, 4, 4, 2], build: (n) => n.unary("clip", n.relu(n.binary("add", "x", "x")), -1, 0.5), left: ["add"], after: (g) => expect(clampOf(g, "add")).toEqual([0, 0.5]) },
  "not where another reads the value before": { shape: [4], build: (n) => { const y = n.binary("add", "x", "x"); return n.binary("mul", n.relu(y), y); }, left: ["add", "clip", "mul"] },
});

examples("batch normalization", [foldBatchnorm], {
  "into a convolution": { shape: [1, 4, 4, 2], build: (n) => n.batchNorm(n.conv("x", 3, 3, { bias: false }), 3), left: ["conv2d"] },
  "into a dense layer": { shape: [2, 4], build: (n) => n.batchNorm(n.dense("x", 3), 1), left: ["dense"] },
  "into a transposed convolution": {
    shape: [1, 3, 3, 2],
    build: (n) => n.batchNorm(n.add("convTranspose2d", ["x", n.weights(4, 2, 2, 2)], { stride: [2, 2], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, outputPadding: [0, 0], clamp: noClamp }), 3),
    left: ["convTranspose2d"],
  },
  "alone it is a product and a sum": { shape: [2, 3, 4], build: (n) => n.batchNorm("x", 1), left: ["mul", "add"] },
  "not behind bounds": { shape: [1, 4, 4, 2], build: (n) => n.batchNorm(n.add("conv2d", ["x", n.weights(3, 1, 1, 2)], { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, clamp: [0, 1] }), 3), left: ["conv2d", "mul", "add"] },
});

examples("scale and shift go into weights", [fuseAffine], {
  "bias": { shape: [2, 4], build: (n) => n.binary("add", n.weights(3), n.dense("x", 3, false)), left: ["dense"] },
  "scale per channel, subtraction, division": { shape: [1, 4, 4, 2], build: (n) => n.binary("sub", n.weights(3), n.binary("div", n.binary("mul", n.conv("x", 3), n.weights(1, 1, 1, 3)), n.real([2, 3, 4]))), left: ["conv2d"] },
  "bounds move along": { shape: [2, 4], build: (n) => n.unary("affine", n.add("dense", ["x", n.weights(3, 4)], { clamp: [0, 6] }), 0.5, 1), left: ["dense"], after: (g) => expect(clampOf(g, "dense")).toEqual([1, 4]) },
  "bounds of the sum": { shape: [2, 4], build: (n) => n.add("add", [n.dense("x", 3), n.weights(3)], { clamp: [0, 6] }), left: ["dense"], after: (g) => expect(clampOf(g, "dense")).toEqual([0, 6]) },
  "hardSigmoid": { shape: [1, 4, 4, 2], build: (n) => n.unary("hardSigmoid", n.conv("x", 3), 0.25, 0.5), left: ["conv2d"], after: (g) => expect(clampOf(g, "conv2d")).toEqual([0, 1]) },
  "not along another axis": { shape: [3, 4], build: (n) => n.binary("add", n.dense("x", 3), n.weights(3, 1)), left: ["dense", "add"] },
  "not where the sum is larger": { shape: [1, 4], build: (n) => n.binary("add", n.dense("x", 3), n.weights(2, 1, 3)), left: ["dense", "add"] },
});

examples("scale and shift before a layer go into its weights", [fuseAffineBefore], {
  "of a dense layer": { shape: [2, 4], build: (n) => n.dense(n.binary("div", n.binary("sub", "x", n.weights(4)), n.real([1, 2, 3, 4])), 3, false), left: ["dense"] },
  "through a reshape": { shape: [2, 3, 2, 4], build: (n) => n.dense(n.reshape(n.binary("add", n.binary("mul", "x", n.weights(3, 1, 4)), n.weights(2, 1)), 2, 24), 3), left: ["reshape", "dense"] },
  "of a convolution": { shape: [1, 4, 4, 4], build: (n) => n.conv(n.binary("add", n.binary("mul", "x", n.weights(4)), n.weights(4)), 6, 3, { groups: 2, pad: 0 }), left: ["conv2d"] },
  "one number": { shape: [1, 4, 4, 2], build: (n) => n.conv(n.unary("affine", "x", 1 / 255, 0), 3), left: ["conv2d"] },
  "not a shift before a padding": { shape: [1, 4, 4, 2], build: (n) => n.conv(n.unary("affine", "x", 1 / 255, 1), 3), left: ["affine", "conv2d"] },
  "not where rows differ": { shape: [2, 3, 4], build: (n) => n.dense(n.binary("mul", "x", n.weights(3, 4)), 3), left: ["mul", "dense"] },
  "not where another reads it": { shape: [2, 4], build: (n) => { const y = n.unary("affine", "x", 2, 0); return n.binary("add", n.dense(y, 4), y); }, left: ["affine", "dense", "add"] },
});

examples("matmul with a constant", [matmulToDense, foldConstants, fuseAffine], {
  "and a bias is a dense layer": { shape: [2, 5, 4], build: (n) => n.binary("add", n.add("matmul", ["x", n.weights(4, 3)], {}), n.weights(3)), left: ["dense"] },
  "of a higher rank": { shape: [2, 4], build: (n) => n.add("matmul", ["x", n.weights(1, 1, 4, 3)], {}), left: ["dense", "reshape"] },
  "not a stack of matrices": { shape: [2, 2, 4], build: (n) => n.add("matmul", ["x", n.weights(2, 4, 3)], {}), left: ["matmul"] },
});

const gelu = (n: Net, x: string) => n.binary("mul", n.binary("mul", x, n.real([0.5])), n.binary("add", n.unary("erf", n.binary("div", x, n.real([Math.SQRT2]))), n.real([1])));
const cube = (n: Net, x: string) => n.binary("mul", n.binary("mul", x, x), x);
const tanhGelu = (n: Net, x: string, third: string) => {
  const inner = n.binary("mul", n.binary("add", x, n.binary("mul", third, n.real([0.044715]))), n.real([Math.sqrt(2 / Math.PI)]));
  return n.binary("mul", n.real([0.5]), n.binary("mul", x, n.binary("add", n.real([1]), n.unary("tanh", inner))));
};
const hardGate = (n: Net, x: string) => n.unary("clip", n.binary("add", x, n.real([3])), 0, 6);

examples("activations in parts", [scalarArithmetic, fuseActivation, removeIdentities, commonSubexpressions], {
  "swish": { shape: [9], build: (n) => n.binary("mul", n.unary("sigmoid", "x"), "x"), left: ["swish"] },
  "swish with a factor": { shape: [9], build: (n) => n.binary("mul", "x", n.unary("sigmoid", n.binary("mul", "x", n.real([1.702])))), left: ["swish"] },
  "hardSwish, divided first": { shape: [9], build: (n) => n.binary("mul", "x", n.binary("div", hardGate(n, "x"), n.real([6]))), left: ["hardSwish"] },
  "hardSwish, divided last": { shape: [9], build: (n) => n.binary("div", n.binary("mul", hardGate(n, "x"), "x"), n.real([6])), left: ["hardSwish"] },
  "hardSwish of hardSigmoid": { shape: [9], build: (n) => n.binary("mul", "x", n.unary("hardSigmoid", "x", 1 / 6, 0.5)), left: ["hardSwish"] },
  "hardSigmoid": { shape: [9], build: (n) => n.binary("mul", hardGate(n, "x"), n.real([1 / 6])), left: ["hardSigmoid"] },
  "gelu": { shape: [9], build: (n) => gelu(n, "x"), left: ["gelu"] },
  "gelu by tanh": { shape: [9], build: (n) => tanhGelu(n, "x", cube(n, "x")), left: ["geluTanh"] },
  "gelu by tanh with a power": { shape: [9], build: (n) => tanhGelu(n, "x", n.binary("pow", "x", n.real([3]))), left: ["geluTanh"] },
  "mish of parts": { shape: [9], build: (n) => n.binary("mul", "x", n.unary("tanh", n.unary("log", n.binary("add", n.real([1]), n.unary("exp", "x"))))), left: ["mish"] },
  "sigmoid": { shape: [9], build: (n) => n.binary("div", n.real([1]), n.binary("add", n.unary("exp", n.unary("neg", "x")), n.real([1]))), left: ["sigmoid"] },
  "x over 1 + exp(−x)": { shape: [9], build: (n) => n.binary("div", "x", n.binary("add", n.unary("exp", n.unary("neg", "x")), n.real([1]))), left: ["swish"] },
  "leakyRelu": { shape: [9], build: (n) => n.binary("max", "x", n.binary("mul", "x", n.real([0.1]))), left: ["leakyRelu"] },
  "a gate of another tensor is none": { shape: [9], build: (n) => n.binary("mul", "x", n.unary("sigmoid", n.unary("exp", "x"))), left: ["exp", "sigmoid", "mul"] },
  "other numbers are no hardSwish": { shape: [9], build: (n) => n.binary("mul", "x", n.unary("clip", n.binary("add", "x", n.real([2])), 0, 6)), left: ["affine", "clip", "mul"] },
});

const layerNorm = (n: Net, x: string, axes: number[], finish: (d: string, v: string) => string) => {
  const d = n.binary("sub", x, n.add("reduceMean", [x], { axes, keepDims: true })), v = n.add("reduceMean", [n.binary("mul", d, d)], { axes, keepDims: true });
  return finish(d, n.unary("affine", v, 1, 1e-3));
};

examples("normalization in parts", [scalarArithmetic, fuseNormalize, commonSubexpressions], {
  "divided by the root": { shape: [2, 5], build: (n) => layerNorm(n, "x", [1], (d, v) => n.binary("div", d, n.unary("sqrt", v))), left: ["normalize"] },
  "times the inverse root, over several axes": { shape: [2, 5, 3], build: (n) => layerNorm(n, "x", [1, 2], (d, v) => n.binary("mul", n.binary("pow", v, n.real([-0.5])), d)), left: ["normalize"] },
  "as one scale and one shift": {
    shape: [2, 5],
    build: (n) => layerNorm(n, "x", [1], (_, v) => {
      const gain = n.binary("mul", n.unary("reciprocal", n.unary("sqrt", v)), n.weights(5)), mean = n.add("reduceMean", ["x"], { axes: [1], keepDims: true });
      return n.binary("add", n.binary("mul", "x", gain), n.binary("sub", n.weights(5), n.binary("mul", mean, gain)));
    }),
    left: ["normalize", "mul", "add"],
  },
  "not over other axes": { shape: [2, 5, 3], build: (n) => { const d = n.binary("sub", "x", n.add("reduceMean", ["x"], { axes: [1], keepDims: true })); return n.binary("div", d, n.unary("sqrt", n.unary("affine", n.add("reduceMean", [n.binary("mul", d, d)], { axes: [2], keepDims: true }), 1, 1))); }, left: ["reduceMean", "sub", "mul", "reduceMean", "affine", "sqrt", "div"] },
});

examples("padding", [fusePadding], {
  "into a convolution": { shape: [1, 5, 5, 2], build: (n) => n.conv(pad(n, "x", 0), 3), left: ["conv2d"] },
  "not of another value": { shape: [1, 5, 5, 2], build: (n) => n.conv(pad(n, "x", 1), 3), left: ["pad", "conv2d"] },
  "not of channels": { shape: [1, 5, 5, 2], build: (n) => n.conv(pad(n, "x", 0, [0, 0, 0, 1], [0, 0, 0, 0]), 3), left: ["pad", "conv2d"] },
  "not one that crops": { shape: [1, 5, 5, 2], build: (n) => n.conv(pad(n, "x", 0, [0, -1, 0, 0], [0, 0, 0, 0]), 3), left: ["pad", "conv2d"] },
  "through a transpose": { shape: [1, 2, 5, 5], build: (n) => n.conv(n.transpose(pad(n, "x", 0, [0, 0, 1, 2], [0, 0, 0, 1]), 0, 2, 3, 1), 3), left: ["transpose", "conv2d"] },
  "into an average": { shape: [1, 5, 5, 2], build: (n) => n.add("averagePool2d", [pad(n, "x", 0)], { ...pool, pad: [0, 0, 0, 0], countIncludePad: false }), left: ["averagePool2d"] },
  "not into an average that has its own": { shape: [1, 5, 5, 2], build: (n) => n.add("averagePool2d", [pad(n, "x", 0)], { ...pool, pad: [1, 1, 1, 1], countIncludePad: false }), left: ["pad", "averagePool2d"] },
  "into a maximum of what is never negative": { shape: [1, 5, 5, 2], build: (n) => n.add("maxPool2d", [pad(n, n.relu("x"), 0)], { ...pool, pad: [0, 0, 0, 0] }), left: ["clip", "maxPool2d"] },
  "not into a maximum of anything": { shape: [1, 5, 5, 2], build: (n) => n.add("maxPool2d", [pad(n, "x", 0)], { ...pool, pad: [0, 0, 0, 0] }), left: ["pad", "maxPool2d"] },
  "of minus infinity into a maximum": { shape: [1, 5, 5, 2], build: (n) => n.add("maxPool2d", [pad(n, "x", -Infinity)], { ...pool, pad: [0, 0, 0, 0] }), left: ["maxPool2d"] },
  "not into a maximum whose window sees padding alone": { shape: [1, 5, 5, 2], build: (n) => n.add("maxPool2d", [pad(n, n.relu("x"), 0, [0, 3, 0, 0], [0, 0, 0, 0])], { ...pool, pad: [0, 0, 0, 0] }), left: ["clip", "pad", "maxPool2d"] },
  "twice": { shape: [1, 5, 5, 2], build: (n) => n.relu(pad(n, pad(n, "x", 2), 2, [0, 0, 0, 1], [0, 1, 0, 0])), left: ["pad", "clip"] },
});

examples("a scale per channel alone", [scaleToDepthwise, fuseAffine, fuseClamp], {
  "with its sum and bounds": { shape: [1, 3, 3, 4], build: (n) => n.relu(n.binary("add", n.binary("mul", "x", n.weights(4)), n.weights(4))), left: ["conv2d"], after: (g) => expect(clampOf(g, "conv2d")).toEqual([0, Infinity]) },
  "shifted before": { shape: [1, 3, 3, 4], build: (n) => n.binary("div", n.binary("sub", "x", n.weights(4)), n.real([1, 2, 3, 4])), left: ["conv2d"] },
  "of a sequence": { shape: [1, 5, 4], build: (n) => n.binary("mul", n.weights(1, 1, 4), "x"), left: ["reshape", "conv2d", "reshape"] },
  "over the last two axes": { shape: [2, 3, 3, 4], build: (n) => n.binary("mul", "x", n.weights(3, 4)), left: ["reshape", "conv2d", "reshape"] },
  "not a sum alone": { shape: [1, 3, 3, 4], build: (n) => n.binary("add", "x", n.weights(4)), left: ["add"] },
  "not along another axis": { shape: [1, 3, 3, 4], build: (n) => n.binary("mul", "x", n.weights(3, 1, 1)), left: ["mul"] },
});

examples("global pooling", [meanToPool], {
  "of an image": { shape: [2, 3, 5, 4], build: (n) => n.add("reduceMean", ["x"], { axes: [2, 1], keepDims: true }), left: ["averagePool2d"] },
  "of a sequence": { shape: [2, 5, 4], build: (n) => n.add("reduceMax", ["x"], { axes: [1], keepDims: false }), left: ["reshape", "maxPool2d", "reshape"] },
  "not over channels": { shape: [2, 3, 5, 4], build: (n) => n.add("reduceMean", ["x"], { axes: [2, 3], keepDims: true }), left: ["reduceMean"] },
});

const index = (n: Net, values: number[], shape: number[]) => n.constant("i", "int64", shape, Float64Array.from(values));

examples("gather by constant indices", [gatherToSlice], {
  "the last step": { shape: [4, 3, 2], build: (n) => n.add("gather", ["x", index(n, [-1], [])], { axis: 0 }), left: ["slice", "reshape"] },
  "every other one, backwards": { shape: [2, 5], build: (n) => n.add("gather", ["x", index(n, [4, 2, 0], [3])], { axis: 1 }), left: ["slice"] },
  "not in another order": { shape: [2, 5], build: (n) => n.add("gather", ["x", index(n, [4, 2, 3], [3])], { axis: 1 }), left: ["gather"] },
});

describe("quantized graphs", () => {
  const q = (scale: number, zeroPoint: number): Quantization => ({ scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: 0 });
  const int8 = (scale: number, zeroPoint: number) => ({ dtype: "int8" as const, quantization: q(scale, zeroPoint) });

  test("integer tensors keep their operators and their numbers", () => {
    const net = image(1, 4, 4, 2), x = net.add("quantize", ["x"], {}, [], int8(0.01, 3));
    const w = net.constant("w", "int8", [3, 1, 1, 2], Int8Array.of(10, -20, 30, 40, -50, 60), { scale: Float32Array.of(0.1, 0.2, 0.3), zeroPoint: new Int32Array(3), axis: 0 });
    const a = { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, clamp: noClamp };
    const y = net.add("clip", [net.add("conv2d", [x, w], a, [], int8(0.2, -5))], { alpha: 0, beta: 6 }, [], int8(0.02, -128));
    const before = net.finish(net.add("add", [y, net.constant("c", "int8", [1], Int8Array.of(5), q(0.1, 0))], { clamp: noClamp }, [], int8(0.05, 0)));
    const after = optimise(before);
    expectSame(before, after, 0);
    expect(opsOf(after)).toEqual(opsOf(before));
  });

  test("layout passes between quantize and dequantize, weights keep integers and scales", () => {
    const net = image(1, 3, 4, 4), there = (x: string) => net.add("quantize", [x], {}, [], int8(0.02, 3)), back = (x: string) => net.add("dequantize", [x], {});
    const conv = (x: string, O: number) => {
      const C = net.shape(x)[1]!, quantization = { scale: Float32Array.from({ length: O }, (_, i) => 0.01 * (i + 1)), zeroPoint: new Int32Array(O), axis: 0 };
      const w = net.constant("w", "int8", [O, C, 1, 1], Int8Array.from({ length: O * C }, (_, i) => i * 7 - 20), quantization);
      const y = net.add("conv2d", [net.transpose(x, 0, 2, 3, 1), net.transpose(back(w), 0, 2, 3, 1)], { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, clamp: noClamp });
      return back(there(net.relu(net.transpose(y, 0, 3, 1, 2))));
    };
    const y = conv(conv(back(there("x")), 4), 5), flat = back(there(net.reshape(y, 1, 80)));
    const w = net.constant("w", "int8", [2, 80], Int8Array.from({ length: 160 }, (_, i) => (i * 37) % 255 - 127), q(0.01, 0));
    const before = net.finish(net.add("dense", [flat, back(w)], { clamp: noClamp })), after = optimise(before);
    expectSame(before, after, 1e-6);
    expect(opsOf(after).filter((op) => op === "transpose" || op === "reshape")).toEqual(["transpose", "reshape"]);
    const weights = [...after.tensors.values()].filter((t) => t.data && t.dtype === "int8");
    expect(weights.map((t) => [t.shape, t.quantization!.axis])).toEqual([[[4, 1, 1, 3], 0], [[5, 1, 1, 4], 0], [[2, 80], 0]]);
  });

  test("weights that are stored as integers in a float model become float", () => {
    const net = image(2, 2), w = net.constant("w", "int8", [3, 2], Int8Array.of(1, 2, 3, 4, 5, 6), q(0.5, 1));
    const before = net.finish(net.add("dense", ["x", net.add("dequantize", [w], {})], { clamp: noClamp })), after = optimise(before);
    expectSame(before, after);
    expect(opsOf(after)).toEqual(["dense"]);
    expect([...tensorOf(after, after.nodes[0]!.inputs[1]!).data!]).toEqual([0, 0.5, 1, 1.5, 2, 2.5]);
  });
});

test("folding of constants is bounded", () => {
  const net = image(1);
  let y = net.add("expand", [net.real([1])], { shape: [2 ** 20] });
  for (let i = 0; i < 200; i++) y = net.unary("tanh", y);
  const before = net.finish(net.binary("add", "x", net.add("reduceMax", [y], { axes: [0], keepDims: true }))), after = optimise(before);
  expect(after.nodes.length).toBeGreaterThan(1);
  expect(after.nodes.length).toBeLessThan(before.nodes.length);
  const constants = [...after.tensors.values()].reduce((n, t) => n + (t.data?.length ?? 0), 0);
  expect(constants).toBeLessThan(2 ** 24);
}, 30_000);

const column = (n: Net, x: string, groups: number, O: number, C: number) =>
  n.add("conv2d", [x, n.weights(O, 3, 1, C / groups), n.weights(O)], { stride: [2, 1], dilation: [1, 1], pad: [1, 0, 0, 0], groups, clamp: [0, Infinity] });

const lstm = (n: Net, h: string, c: string, activations = 3) => n.add("lstm", ["x", n.weights(1, 8, 3), n.weights(1, 8, 2), "", h, c],
  { direction: "forward", hidden: 2, clip: 0, inputForget: false, activations: Array.from({ length: activations }, (_, i) => ({ fn: i ? "tanh" as const : "sigmoid" as const, alpha: 0, beta: 0 })) });
const zeros = (n: Net) => n.real([0, 0], [1, 1, 2]);
const inputsOf = (g: Graph) => g.nodes[0]!.inputs.map(Boolean);
examples("initial states of zero", [dropZeroStates], {
  "both are left out": { shape: [4, 1, 3], left: ["lstm"], build: (n) => lstm(n, zeros(n), zeros(n)), after: (g) => expect(inputsOf(g)).toEqual([true, true, true]) },
  "one of two": { shape: [4, 1, 3], left: ["lstm"], build: (n) => lstm(n, zeros(n), n.real([0, 1], [1, 1, 2])), after: (g) => expect(inputsOf(g)).toEqual([true, true, true, false, false, true]) },
  "others stay": { shape: [4, 1, 3], left: ["lstm"], build: (n) => lstm(n, n.real([1, 0], [1, 1, 2]), n.real([0, 1], [1, 1, 2])), after: (g) => expect(inputsOf(g)).toEqual([true, true, true, false, true, true]) },
});

examples("columns run as rows", [columnsToRows, foldConstants, mergeReshapes, removeIdentities], {
  "convolutions and a pool": {
    shape: [1, 31, 1, 8], left: ["reshape", "conv2d", "conv2d", "maxPool2d", "reshape"],
    build: (n) => n.add("maxPool2d", [column(n, column(n, "x", 8, 8, 8), 1, 6, 8)], { kernel: [3, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], clamp: noClamp }),
  },
  "a width of its own stays": { shape: [1, 9, 2, 8], left: ["conv2d"], build: (n) => column(n, "x", 1, 6, 8) },
});
