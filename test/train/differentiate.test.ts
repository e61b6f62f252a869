/** Every rule of converter/differentiate against central differences of the evaluator. */
import { describe, expect, test } from "vitest";
import { differentiate } from "../../converter/differentiate/index.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { sizeOf, type TypedArray } from "../../converter/ir/graph.ts";
import { noClamp, type Attributes, type OpName } from "../../converter/ir/ops.ts";
import { random } from "../kernels/random.ts";
import { expectDirections } from "./run.ts";

interface Case { op: OpName; shapes: number[][]; attributes: object; outputs?: number; /** Moves inputs away from kinks and poles. */ at?: (v: number, i: number, all: ArrayLike<number>) => number }

const plain = { alpha: 0, beta: 0 }, both = { clamp: noClamp }, window = { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0] };
const positive = (v: number) => Math.abs(v) + 0.5, apart = (v: number) => v + Math.sign(v || 1) * 0.1;
/** Values a tenth apart, in a shuffled order: no maximum changes under a small move. */
const spread: Case["at"] = (_, i, all) => 0.1 * ((i * 37) % all.length) - 0.05 * all.length;
const unary = (op: OpName, attributes: object = plain, at?: Case["at"]): Case => ({ op, shapes: [[2, 3, 5]], attributes, ...(at && { at }) });

const cases: Case[] = [
  unary("clip", { alpha: -0.7, beta: 0.9 }, (v) => (Math.abs(v - 0.9) < 0.05 || Math.abs(v + 0.7) < 0.05 ? v + 0.2 : v)), unary("leakyRelu", { alpha: 0.2, beta: 0 }, apart),
  unary("elu", { alpha: 0.7, beta: 0 }, apart), unary("selu", { alpha: 1.67326, beta: 1.0507 }, apart), unary("celu", { alpha: 1.3, beta: 0 }, apart),
  unary("sigmoid"), unary("tanh"), unary("hardSigmoid", { alpha: 0.2, beta: 0.5 }), unary("hardSwish"), unary("swish", { alpha: 1.2, beta: 0 }), unary("gelu"), unary("geluTanh"), unary("mish"),
  unary("softplus"), unary("softsign", plain, apart), unary("thresholdedRelu", { alpha: 0.3, beta: 0 }, (v) => (Math.abs(v - 0.3) < 0.05 ? v + 0.2 : v)), unary("exp"), unary("log", plain, positive), unary("sqrt", plain, positive), unary("rsqrt", plain, positive),
  unary("abs", plain, apart), unary("neg"), unary("reciprocal", plain, positive), unary("erf"), unary("sin"), unary("cos"), unary("affine", { alpha: -1.5, beta: 0.3 }),
  { op: "add", shapes: [[2, 3, 4], [3, 1]], attributes: both }, { op: "sub", shapes: [[4], [2, 3, 4]], attributes: both }, { op: "mul", shapes: [[2, 3, 4], [1, 3, 1]], attributes: both }, { op: "squaredDifference", shapes: [[2, 3, 4], [3, 1]], attributes: both },
  { op: "div", shapes: [[2, 3], [2, 3]], attributes: both, at: positive }, { op: "min", shapes: [[2, 9], [2, 9]], attributes: both }, { op: "max", shapes: [[2, 9], [9]], attributes: both },
  { op: "prelu", shapes: [[2, 3, 4], [4]], attributes: both, at: apart }, { op: "add", shapes: [[5, 4], [4]], attributes: { clamp: [-0.5, 1] } },
  { op: "softmax", shapes: [[3, 5]], attributes: { axis: 1 } }, { op: "logSoftmax", shapes: [[3, 5, 2]], attributes: { axis: 1 } },
  { op: "reduceSum", shapes: [[2, 3, 4]], attributes: { axes: [1], keepDims: false } }, { op: "reduceMean", shapes: [[2, 3, 4]], attributes: { axes: [0, 2], keepDims: true } },
  { op: "normalize", shapes: [[3, 8]], attributes: { axes: [1], epsilon: 1e-3 } }, { op: "batchNorm", shapes: [[2, 3, 4], [4], [4], [4], [4]], attributes: { axis: 2, epsilon: 1e-3 }, at: positive },
  { op: "reshape", shapes: [[2, 6]], attributes: { shape: [3, 4] } }, { op: "transpose", shapes: [[2, 3, 4]], attributes: { perm: [2, 0, 1] } },
  { op: "slice", shapes: [[5, 6]], attributes: { starts: [4, 1], steps: [-1, 1], sizes: [3, 4] } }, { op: "concat", shapes: [[2, 3], [2, 1], [2, 2]], attributes: { axis: 1 } },
  { op: "pad", shapes: [[2, 3]], attributes: { before: [1, 0], after: [0, 2], mode: "constant", value: 3 } }, { op: "pad", shapes: [[4, 5]], attributes: { before: [-1, 0], after: [0, -2], mode: "constant", value: 0 } },
  { op: "expand", shapes: [[3, 1]], attributes: { shape: [2, 3, 4] } }, { op: "matmul", shapes: [[2, 3, 4], [4, 5]], attributes: {} }, { op: "matmul", shapes: [[2, 3, 4], [2, 4, 2]], attributes: {} },
  { op: "dense", shapes: [[3, 4], [5, 4], [5]], attributes: both }, { op: "dense", shapes: [[3, 4], [5, 4], [5]], attributes: { clamp: [-0.4, 0.8] } }, { op: "dense", shapes: [[2, 3, 4], [5, 4]], attributes: both },
  { op: "conv2d", shapes: [[2, 6, 5, 4], [6, 3, 2, 2], [6]], attributes: { stride: [2, 1], dilation: [1, 2], pad: [1, 0, 1, 2], groups: 2, clamp: noClamp } },
  { op: "conv2d", shapes: [[1, 6, 5, 4], [4, 3, 3, 1], [4]], attributes: { ...window, stride: [2, 2], pad: [1, 1, 1, 1], groups: 4, clamp: noClamp } },
  { op: "convTranspose2d", shapes: [[2, 3, 4, 4], [6, 3, 2, 2], [6]], attributes: { stride: [2, 3], dilation: [1, 1], pad: [1, 0, 0, 1], groups: 2, outputPadding: [0, 0], clamp: noClamp } },
  { op: "convTranspose2d", shapes: [[1, 3, 3, 2], [3, 3, 3, 2]], attributes: { stride: [2, 2], dilation: [1, 1], pad: [1, 1, 1, 1], groups: 1, outputPadding: [1, 1], clamp: noClamp } },
  { op: "maxPool2d", shapes: [[2, 5, 6, 3]], attributes: { ...window, kernel: [2, 3], stride: [2, 2], pad: [0, 1, 0, 0], clamp: noClamp }, at: spread }, { op: "maxPool2d", shapes: [[1, 4, 4, 2]], attributes: { ...window, kernel: [2, 2], clamp: [-1, 0.8] } },
  { op: "averagePool2d", shapes: [[2, 5, 6, 3]], attributes: { ...window, kernel: [3, 2], stride: [2, 1], pad: [1, 0, 1, 1], countIncludePad: false, clamp: noClamp } },
  { op: "lstmForward", shapes: [[4, 2, 12], [12, 3], [2, 3], [2, 3]], attributes: { hidden: 3 }, outputs: 4 }, { op: "gruForward", shapes: [[4, 2, 9], [9, 3], [9], [2, 3]], attributes: { hidden: 3, linearBeforeReset: true }, outputs: 5 },
  { op: "gruForward", shapes: [[4, 2, 9], [9, 3], [9], [2, 3]], attributes: { hidden: 3, linearBeforeReset: false }, outputs: 5 }, { op: "rnnForward", shapes: [[4, 2, 3], [3, 3], [2, 3]], attributes: { hidden: 3, activation: "tanh" }, outputs: 3 },
];

describe("a rule per operator", () => {
  test.each(cases.map((c, i) => [`${c.op} ${JSON.stringify(c.shapes)}`, c, i] as const))("%s", (_, c, seed) => {
    const b = new GraphBuilder("test", c.op), r = random(seed + 1), names = c.shapes.map((shape, i) => b.input(`x${i}`, "float32", shape));
    const values = new Map<string, TypedArray>(names.map((name, i) => [name, r.floats(sizeOf(c.shapes[i]!), 1).map((v, i, all) => (c.at ? c.at(v, i, all) : v)) as Float32Array]));
    const y = b.add(c.op, names, c.attributes as Attributes, ["y", "out1", "out2", "out3", "out4"].slice(0, c.outputs ?? 1)), forward = { ...b.graph, nodes: [...b.graph.nodes], outputs: [y] };
    const dy = b.input("dy", "float32", b.shape(y));
    values.set("dy", r.floats(sizeOf(b.shape(y)), 1));
    const trained = names.filter((_, i) => !(c.op === "batchNorm" && i > 2)), sums = new Map(trained.map((name, i) => [name, b.input(`d${name}`, "float32", c.shapes[i]!)]));
    for (const [name, sum] of sums) values.set(sum, new Float32Array(values.get(name)!.length));
    const before = new Set(b.graph.nodes);
    differentiate(b, new Map([[y, dy]]), sums);
    const all = evaluate(b.graph, values);
    for (const name of trained) {
      const last = lastOf(b, before, sums.get(name)!), dx = all.get(last)!;
      expect(dx.some((v) => v !== 0), `gradient of ${name}`).toBe(true);
      const f = (v: Float32Array) => evaluate(forward, new Map([...values, [name, v]])).get(y)!;
      expectDirections(f, values.get(name) as Float32Array, values.get("dy")!, dx, { h: 2e-3, tolerance: 4e-3 });
    }
  });
});

/** The tensor that holds the sum after all gradients were added to `sum`. */
function lastOf(b: GraphBuilder, before: ReadonlySet<object>, sum: string): string {
  let last = sum;
  for (const n of b.graph.nodes) if (!before.has(n) && n.inputs[0] === last && ["accumulate", "conv2dWeightGrad", "biasGrad", "gatherGrad", "reshape"].includes(n.op)) last = n.outputs[0]!;
  return last;
}

test("an operator without a derivative is named with a way out", () => {
  const b = new GraphBuilder("onnx", "net"), x = b.input("x", "float32", [4]), y = b.add("floor", [x], plain, ["y"]), sum = b.input("dx", "float32", [4]);
  expect(() => differentiate(b, new Map([[y, b.input("dy", "float32", [4])]]), new Map([[x, sum]]))).toThrow(/floor \("y"\).*--trainable/);
});
