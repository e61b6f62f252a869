/** Training operators in a graph that runs as an ordinary program of the training module, in both builds, against the evaluator. */
import { expect } from "vitest";
import { evaluate } from "../../converter/ir/eval.ts";
import type { Graph } from "../../converter/ir/graph.ts";
import type { Values } from "../../targets/node/index.ts";
import { trainScalar, trainSimd } from "../../targets/node/train-builds.ts";
import * as kernels from "../kernels/run.ts";
import { random } from "../kernels/random.ts";
import type { Inputs } from "../kernels/run.ts";

export { oneNode, type Inputs } from "../kernels/run.ts";
export const builds = [trainScalar, trainSimd];

/** The same bytes from both builds, and at most `tolerance` from the evaluator. */
export const expectLikeEvaluator = (graph: Graph, inputs: Inputs, tolerance = 1e-5): Promise<Map<string, Values>> =>
  kernels.expectLikeEvaluator(graph, inputs, tolerance, builds);

/**
 * Central differences of an operator against its gradient: for random directions d of the operand `x`, with L = Σ dy · y,
 *   (L(x + h·d) − L(x − h·d)) / 2h = Σ dx · d
 * @param forward computes y from x, which it must not change · @param dx what the gradient operator returned for dy
 */
export function expectDirections(forward: (x: Float32Array) => ArrayLike<number>, x: Float32Array, dy: ArrayLike<number>, dx: ArrayLike<number>, { h = 1e-2, tolerance = 2e-3, seed = 1, directions = 4 } = {}): void {
  const r = random(seed), dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((s, v, i) => s + v * b[i]!, 0);
  for (let n = 0; n < directions; n++) {
    const d = r.floats(x.length), moved = (by: number) => dot(forward(x.map((v, i) => v + by * d[i]!)), dy);
    const difference = (moved(h) - moved(-h)) / (2 * h), scale = Math.sqrt(dot(dx, dx) * dot(d, d)) || 1;
    expect(Math.abs(difference - dot(dx, d)) / scale).toBeLessThanOrEqual(tolerance);
  }
}

/** Result `name` of a graph of the evaluator as a function of its input `x`. */
export const asFunction = (graph: Graph, inputs: Inputs, x: string, name: string) => (value: Float32Array): ArrayLike<number> =>
  evaluate(graph, new Map([...inputs, [x, value]])).get(name)!;
