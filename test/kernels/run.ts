/** A graph through lower, plan, write and load in every build, against the evaluator. */
import { expect } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { sizeOf, tensorOf, type Graph, type TypedArray } from "../../converter/ir/graph.ts";
import type { Attributes, OpName } from "../../converter/ir/ops.ts";
import type { Build } from "../../sdk/build.ts";
import { load, relaxed, scalar, simd, type Values } from "../../targets/node/index.ts";
import { random } from "./random.ts";

export const builds = [scalar, simd, relaxed].filter((b) => b.supported());
export type Inputs = Map<string, TypedArray>;

const SMALLEST = 1.2e-38;

/** Compiles and runs once. */
export async function runGraph(graph: Graph, inputs: Inputs, build: Build): Promise<Map<string, Values>> {
  const { model } = await compile(graph), loaded = await load(model, { builds: [build] });
  return new Map(Object.entries(loaded.run(Object.fromEntries(inputs) as Record<string, Values>)));
}

/** Largest difference, relative to the largest value of the reference, or to the smallest normal number. Equal infinities and NaN differ by nothing. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let worst = 0, largest = SMALLEST;
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [got[i]!, want[i]!];
    if (Number.isFinite(w)) largest = Math.max(largest, Math.abs(w));
    if (Object.is(g, w) || g === w) continue;
    worst = Math.max(worst, Number.isNaN(g - w) ? Infinity : Math.abs(g - w));
  }
  return worst <= SMALLEST ? 0 : worst / largest;
}

/**
 * The same bytes from every build, and at most `tolerance` from the evaluator.
 * @returns outputs of the first build
 */
export async function expectLikeEvaluator(graph: Graph, inputs: Inputs, tolerance = 1e-5, among: readonly Build[] = builds): Promise<Map<string, Values>> {
  const { model } = await compile(graph), want = evaluate(graph, inputs), given = Object.fromEntries(inputs) as Record<string, Values>;
  const results = await Promise.all(among.map(async (build) => (await load(model, { builds: [build] })).run(given) as Record<string, Values>));
  for (const name of graph.outputs) {
    const first = results[0]![name]!;
    for (const [i, other] of results.entries()) expect(bytesOf(other[name]!), `${name}: ${among[i]!.name} and ${among[0]!.name}`).toEqual(bytesOf(first));
    expect(first.length).toBe(sizeOf(tensorOf(graph, name).shape));
    expect(relativeError(first, want.get(name)!), name).toBeLessThanOrEqual(tolerance);
  }
  return new Map(Object.entries(results[0]!));
}

/** WebAssembly leaves the bits of a NaN to the engine: all are one here. */
function bytesOf(v: Values): Uint8Array {
  const copy = v.slice();
  if (copy instanceof Float32Array) copy.forEach((x, i) => { if (Number.isNaN(x)) copy[i] = NaN; });
  return new Uint8Array(copy.buffer);
}

export interface Operand { shape: number[]; data?: Float32Array; constant?: boolean }

/** One operator on random operands of these shapes, or on `data`; all results are outputs. */
export function oneNode<K extends OpName>(op: K, operands: (Operand | null)[], attributes: Attributes<K>, { seed = 1, scale = 2, outputs = 1 } = {}): { graph: Graph; inputs: Inputs } {
  const b = new GraphBuilder("test", op), r = random(seed), inputs: Inputs = new Map();
  const names = operands.map((o, i) => {
    if (!o) return "";
    const data = o.data ?? r.floats(sizeOf(o.shape), scale);
    if (o.constant) return b.constant(`c${i}`, "float32", o.shape, data);
    inputs.set(`x${i}`, data);
    return b.input(`x${i}`, "float32", o.shape);
  });
  const results = Array.from({ length: outputs }, (_, i) => `y${i}`);
  b.add(op, names, attributes, results);
  for (const y of results) b.output(y);
  return { graph: b.graph, inputs };
}
