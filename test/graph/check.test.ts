import { describe, expect, test } from "vitest";
import { checkGraph, limits } from "../../converter/ir/check.ts";
import { OctavoError } from "../../converter/ir/error.ts";
import type { Graph, Node } from "../../converter/ir/graph.ts";
import { tensorOf } from "../../converter/ir/graph.ts";
import { noClamp } from "../../converter/ir/ops.ts";
import { image, type Net } from "./support.ts";

const window = { stride: [1, 1], dilation: [1, 1], pad: [1, 1, 1, 1] };
const f = (fn: "sigmoid" | "tanh") => ({ fn, alpha: 0, beta: 0 });
const gru = { direction: "forward" as const, hidden: 3, clip: 0, linearBeforeReset: false, activations: [f("sigmoid"), f("tanh")] };

/** A sound graph of one operator, what is broken in it, and what the message must say. */
interface Broken { shape: number[]; build: (n: Net) => string; spoil: (g: Graph, last: Node) => void; says: string }
const set = (key: string, value: unknown) => (_: Graph, last: Node) => { last.attributes = { ...last.attributes, [key]: value } as never; };
const relu = (n: Net) => n.relu("x"), conv = (n: Net) => n.conv("x", 3);
const pool = (n: Net) => n.add("maxPool2d", ["x"], { ...window, kernel: [3, 3], clamp: noClamp });

const broken: Record<string, Broken> = {
  "an operand that nothing computes": { shape: [4], build: relu, spoil: (_, n) => { n.inputs = ["gone"]; }, says: 'input "gone" is not computed before it' },
  "a cycle": { shape: [4], build: relu, spoil: (_, n) => { n.inputs = [n.outputs[0]!]; }, says: "is not computed before it" },
  "nodes out of order": { shape: [4], build: (n) => n.relu(n.relu("x")), spoil: (g) => { g.nodes.reverse(); }, says: "is not computed before it" },
  "a tensor written twice": { shape: [4], build: (n) => n.binary("add", n.relu("x"), n.relu("x")), spoil: (g) => { g.nodes[1]!.outputs = [...g.nodes[0]!.outputs]; }, says: "is written twice" },
  "a node name taken": { shape: [4], build: (n) => n.relu(n.relu("x")), spoil: (g) => { g.nodes[1]!.name = g.nodes[0]!.name; }, says: "another node has the same name" },
  "an output that is unknown": { shape: [4], build: relu, spoil: (g) => { g.outputs = ["gone"]; }, says: '"gone" is an input, output or state, but nothing computes it' },
  "no outputs": { shape: [4], build: relu, spoil: (g) => { g.outputs = []; }, says: "it has no outputs" },
  "an unknown operator": { shape: [4], build: relu, spoil: (_, n) => { n.op = "relu" as never; }, says: "the operator is unknown" },
  "too few operands": { shape: [4], build: relu, spoil: (_, n) => { n.inputs = []; }, says: "found 0 inputs, expected 1 to 1" },
  "an absent operand": { shape: [1, 4, 4, 2], build: conv, spoil: (_, n) => { n.inputs[1] = ""; }, says: "input 1 is absent" },
  "a shape that does not follow": { shape: [4], build: relu, spoil: (g, n) => { tensorOf(g, n.outputs[0]!).shape = [5]; }, says: "has shape [5], expected [4]" },
  "a dtype that does not follow": { shape: [4], build: relu, spoil: (g, n) => { tensorOf(g, n.outputs[0]!).dtype = "int32"; }, says: "is int32, expected float32" },
  "a size that is no number": { shape: [4], build: relu, spoil: (g) => { tensorOf(g, "x").shape = [NaN]; }, says: "expected whole sizes from 0" },
  "a tensor larger than any memory": { shape: [4], build: relu, spoil: (g) => { tensorOf(g, "x").shape = [2 ** 40]; }, says: "more than can be held" },
  "a constant of another length": { shape: [4], build: (n) => n.binary("add", "x", n.weights(4)), spoil: (g) => { tensorOf(g, "w").data = new Float32Array(3); }, says: "found 3 values, expected 4 = [4]" },
  "a scale of zero": { shape: [4], build: relu, spoil: (g) => { Object.assign(tensorOf(g, "x"), { dtype: "int8", quantization: { scale: Float32Array.of(0), zeroPoint: Int32Array.of(0), axis: 0 } }); }, says: "found scale 0" },
  "scales for another axis": { shape: [4], build: relu, spoil: (g) => { Object.assign(tensorOf(g, "x"), { dtype: "int8", quantization: { scale: Float32Array.of(1, 1), zeroPoint: Int32Array.of(0, 0), axis: 0 } }); }, says: "found 2 scales for axis 0 of [4]" },
  "a state of another shape": {
    shape: [4], build: relu, says: "has shape [4], expected [3]",
    spoil: (g, n) => { g.tensors.set("s", { name: "s", dtype: "float32", shape: [3] }); g.states.push({ input: "s", output: n.outputs[0]!, initial: new Float32Array(3) }); },
  },
  "an image with three axes": { shape: [1, 4, 4, 2], build: conv, spoil: (g) => { tensorOf(g, "x").shape = [4, 4, 2]; }, says: "expected 4 axes" },
  "a stride of zero": { shape: [1, 4, 4, 2], build: conv, spoil: set("stride", [0, 1]), says: "stride is [0,1]" },
  "negative padding": { shape: [1, 4, 4, 2], build: conv, spoil: set("pad", [-1, 0, 0, 0]), says: "padding is [-1,0,0,0]" },
  "groups that do not divide": { shape: [1, 4, 4, 2], build: conv, spoil: set("groups", 2), says: "3 output channels do not divide into 2 groups" },
  "no groups": { shape: [1, 4, 4, 2], build: conv, spoil: set("groups", 0), says: "groups is [0]" },
  "a bias of another length": { shape: [1, 4, 4, 2], build: conv, spoil: (g, n) => { Object.assign(tensorOf(g, n.inputs[2]!), { shape: [2], data: new Float32Array(2) }); }, says: "bias has shape [2], expected [3]" },
  "bounds that cross": { shape: [1, 4, 4, 2], build: conv, spoil: set("clamp", [1, 0]), says: "bounds are [1,0]" },
  "bounds that are no numbers": { shape: [1, 4, 4, 2], build: conv, spoil: set("clamp", [NaN, 0]), says: "bounds are [NaN,0]" },
  "a window beside the image": { shape: [1, 4, 4, 2], build: pool, spoil: (g, n) => { set("pad", [3, 1, 1, 1])(g, n); tensorOf(g, n.outputs[0]!).shape = [1, 6, 4, 2]; }, says: "lies outside of the input" },
  "a permutation that names an axis twice": { shape: [2, 3], build: (n) => n.transpose("x", 1, 0), spoil: set("perm", [1, 1]), says: "expected each one once" },
  "a permutation of another rank": { shape: [2, 3], build: (n) => n.transpose("x", 1, 0), spoil: set("perm", [0]), says: "expected 2 axes" },
  "an axis beyond the last": { shape: [2, 3], build: (n) => n.add("softmax", ["x"], { axis: 1 }), spoil: set("axis", 2), says: "axis is [2]" },
  "a slice beyond the end": { shape: [4], build: (n) => n.add("slice", ["x"], { starts: [1], steps: [2], sizes: [2] }), spoil: set("starts", [2]), says: "reach outside" },
  "a slice without a step": { shape: [4], build: (n) => n.add("slice", ["x"], { starts: [1], steps: [2], sizes: [1] }), spoil: set("steps", [0]), says: "reach outside" },
  "resampling beyond the end": { shape: [4], build: (n) => n.add("resample", ["x"], { axis: 0, taps: 1, indices: [0, 3], weights: [1, 1] }), spoil: set("indices", [0, 4]), says: "expected 2 whole numbers from 0 to 3" },
  "more than there is": { shape: [4], build: (n) => n.add("topK", ["x"], { axis: 0, k: 2, largest: true }), spoil: set("k", 5), says: "k is [5]" },
  "gates of another size": { shape: [2, 1, 4], build: (n) => n.add("gru", ["x", n.weights(1, 9, 4), n.weights(1, 9, 3)], gru), spoil: set("hidden", 4), says: "input weights are [1,9,4], expected [1,12,4]" },
  "activations for two directions": { shape: [2, 1, 4], build: (n) => n.add("gru", ["x", n.weights(1, 9, 4), n.weights(1, 9, 3)], gru), spoil: set("activations", [f("tanh")]), says: "found 1 activations, expected 2" },
  "an initial state of another size": {
    shape: [2, 1, 4], build: (n) => n.add("gru", ["x", n.weights(1, 9, 4), n.weights(1, 9, 3), "", n.weights(1, 1, 3)], gru), says: "initial state has shape [1,3], expected [1,1,3]",
    spoil: (g, n) => { tensorOf(g, n.inputs[4]!).shape = [1, 3]; },
  },
};

describe("what is broken is refused, by name", () => {
  for (const [name, { shape, build, spoil, says }] of Object.entries(broken)) test(name, () => {
    const net = image(...shape), graph = net.finish(build(net));
    spoil(graph, graph.nodes.at(-1)!);
    let error: unknown;
    try {
      checkGraph(graph);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(OctavoError);
    expect((error as OctavoError).message).toMatch(/^test: (node|tensor|state|model)/);
    expect((error as OctavoError).message).toContain(says);
  });

  test("more operators than are allowed", () => {
    const net = image(4), graph = net.finish(net.relu("x"));
    graph.nodes = Array.from({ length: limits.nodes + 1 }, () => graph.nodes[0]!);
    expect(() => checkGraph(graph)).toThrow(`expected at most ${limits.nodes}`);
  });
});
