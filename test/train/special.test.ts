/** Zeros of both signs, infinities, NaN and subnormal numbers through every operator of training: the same bytes from both builds. */
import { expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { sizeOf } from "../../converter/ir/graph.ts";
import { load, type Values } from "../../targets/node/index.ts";
import { random } from "../kernels/random.ts";
import { operatorCases } from "./operators.ts";
import { builds, oneNode } from "./run.ts";

const special = [0, -0, -0, 1, -1, 1e-40, -1e-40, 1e-20, 3e38, -3e38, Infinity, -Infinity, NaN, 0.5, -0.5, 88, -104], ROUNDS = 20;

test.each(operatorCases.map((k) => [k.name, k] as const))("%s", async (_, { op, shapes, attributes, outputs }) => {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const r = random(seed), draw = (n: number) => Float32Array.from({ length: n }, () => (r.whole(0, 2) ? r.floats(1, 2)[0]! : special[r.whole(0, special.length - 1)]!));
    const { graph, inputs } = oneNode(op, shapes.map((shape) => ({ shape, data: draw(sizeOf(shape)) })), attributes, { outputs });
    const { model } = await compile(graph), given = Object.fromEntries(inputs) as Record<string, Values>;
    const [a, b] = await Promise.all(builds.map(async (build) => (await load(model, { builds: [build] })).run(given) as Record<string, Float32Array> | Float32Array));
    for (const y of graph.outputs) expect(bitsOf(a!, y)).toEqual(bitsOf(b!, y));
  }
});

/** NaN counts as one. */
function bitsOf(results: Record<string, Float32Array> | Float32Array, name: string): number[] {
  const values = results instanceof Float32Array ? results : results[name]!, bits = new Int32Array(values.slice().buffer);
  return Array.from(values, (v, i) => (Number.isNaN(v) ? NaN : bits[i]!));
}
