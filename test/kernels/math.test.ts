/** Errors of our elementary functions in units in the last place, over all of their range. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { unaryScalar } from "../../converter/ir/eval/math.ts";
import { noClamp, type BinaryOp, type UnaryOp } from "../../converter/ir/ops.ts";
import { functionNames } from "../../converter/write/layout.ts";
import { load } from "../../targets/node/index.ts";
import { randomOf } from "../../examples/digits.ts";
import { builds, oneNode } from "./run.ts";

const COUNT = 1 << 16, float = new Float32Array(1), bits = new Int32Array(float.buffer);

/** Distance from |v| to the next float32. */
function step(v: number): number {
  float[0] = Math.abs(v);
  const here = float[0]!;
  bits[0]!++;
  return float[0]! - here;
}

/** Half evenly in −range … range, half by magnitude from 2^−30. */
function argumentsIn(range: number, seed: number): Float32Array {
  const next = randomOf(seed);
  return Float32Array.from({ length: COUNT }, (_, i) => (i & 1 ? (2 * next() - 1) * range : (next() < 0.5 ? -1 : 1) * range * 2 ** (-30 * next())));
}

/** op, half of the range, most units in the last place. */
const functions: [UnaryOp, number, number][] = [["exp", 103, 1], ["sigmoid", 87, 2.5], ["tanh", 20, 3], ["erf", 6, 1.5], ["softplus", 80, 3.5], ["log", 3e38, 0.5001], ["sin", 1e4, 0.5001], ["cos", 1e4, 0.5001], ["sqrt", 3e38, 0.5]];

test.each(functions)("%s on ±%d: at most %d units in the last place", async (op, range, most) => {
  const data = argumentsIn(range, 3).map(op === "log" || op === "sqrt" ? Math.abs : (x) => x), { graph, inputs } = oneNode(op, [{ shape: [COUNT], data }], { alpha: 0, beta: 0 } as never);
  const { model } = await compile(graph), f = unaryScalar[op];
  for (const build of builds) {
    const y = ((await load(model, { builds: [build] })).run(Object.fromEntries(inputs) as Record<string, Float32Array>) as Record<string, Float32Array>).y0!;
    let worst = 0;
    data.forEach((x, i) => {
      const want = f(x, 0, 0);
      if (Math.abs(want) > 1.2e-38 && Math.abs(want) < 3.4e38) worst = Math.max(worst, Math.abs(y[i]! - want) / step(Math.fround(want)));
    });
    expect(worst).toBeLessThanOrEqual(most);
  }
});

test.each([["pow", (a: number, b: number) => a ** b, 20, 6], ["atan2", Math.atan2, 1e6, 1e6], ["fmod", (a: number, b: number) => a % b, 1e20, 10]] as [BinaryOp, (a: number, b: number) => number, number, number][])("%s rounds once", async (op, f, left, right) => {
  const a = argumentsIn(left, 5).map(op === "pow" ? Math.abs : (x) => x), b = argumentsIn(right, 6);
  const { graph, inputs } = oneNode(op, [{ shape: [COUNT], data: a }, { shape: [COUNT], data: b }], { clamp: noClamp } as never), { model } = await compile(graph);
  const y = ((await load(model)).run(Object.fromEntries(inputs) as Record<string, Float32Array>) as Record<string, Float32Array>).y0!;
  let worst = 0;
  a.forEach((x, i) => {
    const want = f(x, b[i]!);
    if (Math.abs(want) > 1.2e-38 && Math.abs(want) < 3.4e38) worst = Math.max(worst, Math.abs(y[i]! - want) / step(Math.fround(want)));
  });
  expect(worst).toBeLessThanOrEqual(0.5001);
});

/** clip → clip, sigmoid → sigmoidOf: what would hide a global has an ending. */
test("assembly/functions.ts lists the functions in the order of the layout", () => {
  const source = readFileSync(path.resolve(import.meta.dirname, "../../assembly/functions.ts"), "utf8");
  const listed = [...source.matchAll(/(\w+) as function(\d+)/g)].map(([, name, number]) => [Number(number), name!.replace(/Of$/, "")]);
  expect(listed).toEqual([...functionNames.entries()]);
});
