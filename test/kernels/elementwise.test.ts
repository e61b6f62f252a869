/** Every elementwise function and every form of broadcasting, against the evaluator. */
import { describe, expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { binaryOps, noClamp, unaryOps, type Clamp, type UnaryOp } from "../../converter/ir/ops.ts";
import { expectLikeEvaluator, oneNode } from "./run.ts";
import { random } from "./random.ts";

const parameters: Partial<Record<UnaryOp, [number, number]>> = {
  clip: [-0.5, 1.25], leakyRelu: [0.1, 0], elu: [0.7, 0], selu: [1.6732632, 1.050701], celu: [0.8, 0], hardSigmoid: [0.2, 0.5], swish: [1, 0],
  thresholdedRelu: [0.3, 0], affine: [-1.5, 0.25], isInf: [1, 1],
};
const odd = Float32Array.from([0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, -3, 20, -20, 100, -100, 1e-3, -1e-3, 1e-30, 3e38, -3e38, Infinity, -Infinity, 0.999]);
/** Where only whole arguments or a part of the line make sense. */
const domains: Partial<Record<UnaryOp, (x: number) => number>> = { log: Math.abs, sqrt: Math.abs, sin: (x) => (Math.abs(x) < 1e6 ? x : 1), cos: (x) => (Math.abs(x) < 1e6 ? x : 1) };

describe.each(unaryOps)("%s", (op) => {
  const [alpha, beta] = parameters[op] ?? [0, 0];

  test.each([1, 3, 4, 5, 64, 67, 257])("%i elements", async (n) => {
    const data = random(n).floats(n, 6).map(domains[op] ?? ((x) => x)), { graph, inputs } = oneNode(op, [{ shape: [n], data }], { alpha, beta } as never);
    await expectLikeEvaluator(graph, inputs, 1e-6);
  });

  test("element by element, far from zero too", async () => {
    const data = odd.map(domains[op] ?? ((x) => x));
    for (const v of data) {
      const { graph, inputs } = oneNode(op, [{ shape: [1], data: Float32Array.of(v) }], { alpha, beta } as never);
      const nothing = ["gelu", "geluTanh", "mish", "swish", "hardSwish", "softsign"].includes(op) && Math.abs(v) > 100;
      if (!nothing) await expectLikeEvaluator(graph, inputs, 5e-6);
    }
  });
});

const shapes: [number[], number[]][] = [
  [[7], [7]], [[2, 3, 5], [5]], [[2, 3, 5], [3, 1]], [[2, 1, 5], [1, 3, 1]], [[4, 9, 16], [16]], [[4, 9, 16], [1]], [[], [2, 70]], [[3, 1, 2, 1, 2], [1, 4, 1, 3, 1]], [[130, 3], [130, 1]],
];
const ranges: Record<string, (x: number) => number> = { pow: Math.abs, and: Math.round, or: Math.round, xor: Math.round, equal: Math.round, greaterOrEqual: Math.round, mod: (x) => Math.round(x * 4), fmod: (x) => Math.round(x * 4) };

describe.each(binaryOps)("%s", (op) => {
  test.each(shapes)("%j and %j", async (a, b) => {
    const r = random(a.length * 10 + b.length), size = (s: number[]) => s.reduce((n, d) => n * d, 1), range = ranges[op] ?? ((x: number) => x);
    const right = (x: number) => (["mod", "fmod", "div"].includes(op) && x === 0 ? 1 : x);
    const { graph, inputs } = oneNode(op, [{ shape: a, data: r.floats(size(a), 2).map(range) }, { shape: b, data: r.floats(size(b), 2).map(range).map(right) }], { clamp: noClamp });
    await expectLikeEvaluator(graph, inputs, 1e-6);
  });

  test("bounds of a fused activation, a constant operand", async () => {
    const clamp: Clamp = [0, 1.5], positive = random(3).floats(40).map((v) => Math.abs(v) + 0.1);
    const { graph, inputs } = oneNode(op, [{ shape: [2, 40], data: random(4).floats(80, 3).map(Math.abs) }, { shape: [40], data: positive, constant: true }], { clamp });
    await expectLikeEvaluator(graph, inputs, 1e-6);
  });
});

test.each([[[2, 3, 5], [2, 3, 5], [2, 3, 5]], [[5], [3, 1], [2, 1, 1]], [[2, 1, 1], [1], [2, 3, 68]]])("where %j %j %j", async (c, a, b) => {
  const condition = random(9).floats(c.reduce((n, d) => n * d, 1)).map((v) => (v > 0 ? 1 : 0));
  const { graph, inputs } = oneNode("where", [{ shape: c, data: condition }, { shape: a }, { shape: b }], {});
  await expectLikeEvaluator(graph, inputs, 0);
});

test("powers of 2 and ½ of negative and zero", async () => {
  const x = Float32Array.from([-2, -0.5, 0, 3, 0.25]);
  for (const [exponent, data] of [[2, x], [0.5, x.map(Math.abs)], [3, x], [-1, x.map((v) => v || 1)], [0, x]] as const) {
    const { graph, inputs } = oneNode("pow", [{ shape: [5], data }, { shape: [], data: Float32Array.of(exponent), constant: true }], { clamp: noClamp });
    await expectLikeEvaluator(graph, inputs, 1e-6);
  }
});

test("a chain is computed in place, and what is read again is kept", async () => {
  const b = new GraphBuilder("test", "chain"), shape = [1, 6, 6, 16], n = 576;
  b.input("x", "float32", shape);
  const first = b.add("affine", ["x"], { alpha: 2, beta: 1 }), second = b.add("sigmoid", [first], { alpha: 0, beta: 0 });
  const third = b.add("mul", [second, b.constant("c", "float32", [16], random(1).floats(16))], { clamp: noClamp });
  const last = b.add("add", [third, second], { clamp: noClamp }), flat = b.add("reshape", [last], { shape: [n] });
  b.add("tanh", [flat], { alpha: 0, beta: 0 }, ["y"]);
  b.output("y");
  await expectLikeEvaluator(b.graph, new Map([["x", random(5).floats(n)]]), 1e-6);
  const { arena } = await compile(b.graph);
  expect(arena.bytes).toBeLessThan(4 * n * 2 + 1024);
});
