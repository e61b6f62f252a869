/** Kernels of recurrent layers in training, and gatherGrad, against the evaluator: the same bytes from both builds. */
import { describe, expect, test } from "vitest";
import type { Attributes } from "../../converter/ir/ops.ts";
import { recurrentSignatures, resultsOf, sizedBy } from "../../converter/ir/ops.recurrent.grad.ts";
import { randomOf } from "../../examples/digits.ts";
import { expectNoHarm } from "../kernels/hostile.ts";
import { runGraph } from "../kernels/run.ts";
import { builds, expectLikeEvaluator, oneNode } from "./run.ts";

type Op = keyof typeof recurrentSignatures;
interface Case { T: number; N: number; H: number; absent?: string[]; outputs?: number; quantization?: { scale: number; zeroPoint: number } }

/** Every tail of a vector and of a panel, one step, one unit, and what may be absent. */
const cases: Case[] = [
  { T: 3, N: 5, H: 8 },
  { T: 4, N: 6, H: 13 },
  { T: 5, N: 2, H: 19, absent: ["h0", "c0", "rb", "dhn", "dcn"] },
  { T: 1, N: 1, H: 1 },
  { T: 2, N: 11, H: 20, absent: ["dy"] },
  { T: 3, N: 3, H: 6, absent: ["h0", "dy", "dcn"], outputs: 1 },
  { T: 6, N: 4, H: 10, quantization: { scale: 1 / 100, zeroPoint: -4 } },
  { T: 4, N: 7, H: 5, quantization: { scale: 1 / 200, zeroPoint: 100 } },
  { T: 4, N: 3, H: 9, absent: ["h0", "c0"], outputs: 1, quantization: { scale: 1 / 128, zeroPoint: 0 } },
];
const kinds: [Op, object][] = [
  ["lstmForward", {}], ["lstmGrad", {}],
  ...([false, true].flatMap((linearBeforeReset) => [["gruForward", { linearBeforeReset }], ["gruGrad", { linearBeforeReset }]] as [Op, object][])),
  ...(["tanh", "relu"].flatMap((activation) => [["rnnForward", { activation }], ["rnnGrad", { activation }]] as [Op, object][])),
];

function graphOf(op: Op, extra: object, k: Case, seed: number) {
  const signature = recurrentSignatures[op], attributes = { hidden: k.H, ...extra, ...(k.quantization && { quantization: k.quantization }) } as Attributes<Op>;
  const operands = signature.inputs.map((o) => (k.absent?.includes(o.name) ? null : { shape: sizedBy(k, o) }));
  return oneNode(op, operands, attributes, { seed, scale: 0.9, outputs: k.outputs ?? resultsOf(attributes, signature).length });
}

const title = (k: Case) => `T${k.T} N${k.N} H${k.H}${k.absent ? ` without ${k.absent.join(", ")}` : ""}${k.outputs ? `, first result only` : ""}${k.quantization ? `, zero point ${k.quantization.zeroPoint}` : ""}`;

describe.each(kinds.map(([op, extra]) => [`${op} ${Object.values(extra).join("")}`, op, extra] as const))("%s", (_, op, extra) => {
  test.each(cases.map((k, i) => [title(k), k, i + 1] as const))("%s", async (_, k, seed) => {
    const { graph, inputs } = graphOf(op, extra, k, seed);
    await expectLikeEvaluator(graph, inputs);
  });

  test("leaves an operand that is read again", async () => {
    const { graph, inputs } = graphOf(op, extra, { T: 3, N: 2, H: 6 }, 20);
    graph.inputs.filter((name) => graph.tensors.get(name)!.shape.length === 3).forEach((x, i) => {
      graph.tensors.set(`copy${i}`, { name: `copy${i}`, dtype: "float32", shape: graph.tensors.get(x)!.shape });
      graph.nodes.push({ op: "affine", name: `copy${i}`, inputs: [x], outputs: [`copy${i}`], attributes: { alpha: 1, beta: 0 } });
      graph.outputs.push(`copy${i}`);
    });
    await expectLikeEvaluator(graph, inputs);
  });

  test.each(builds.map((b) => [b.name, b] as const))("hostile structs, %s", async (_, build) => {
    const { graph, inputs } = graphOf(op, extra, { T: 3, N: 6, H: 5 }, 21);
    await expectNoHarm(graph, inputs, build, 22);
  });
});

/** Of every magnitude, near the bounds of both functions, zeros and infinities. */
function magnitudes(count: number): Float32Array {
  const next = randomOf(7), special = [0, -0, Infinity, -Infinity, 18, -18, 20, -20, 88.4, -88.4, 89, -89, -103, -104, 1e-40, -1e-40];
  return Float32Array.from({ length: count }, (_, i) => special[i] ?? (i & 1 ? 2 * next() - 1 : next() < 0.5 ? -1 : 1) * 110 * 2 ** (i & 2 ? 0 : -40 * next()));
}

test.each(builds.map((b) => [b.name, b] as const))("gates in training have the bytes of sigmoid and tanh in inference, %s", async (_, build) => {
  const N = 512, H = 64, gates = magnitudes(4 * N * H), r = { shape: [4 * H, H], data: new Float32Array(4 * H * H) };
  const forward = oneNode("lstmForward", [{ shape: [1, N, 4 * H], data: gates }, r], { hidden: H }, { outputs: 2 }), act = [...(await runGraph(forward.graph, forward.inputs, build)).values()][1]!;
  const want = await Promise.all((["sigmoid", "tanh"] as const).map(async (op) => {
    const { graph, inputs } = oneNode(op, [{ shape: [gates.length], data: gates }], { alpha: 0, beta: 0 } as never);
    return [...(await runGraph(graph, inputs, build)).values()][0]!;
  }));
  expect(act).toEqual(want[0]!.map((s, i) => (Math.floor(i / H) % 4 === 2 ? want[1]![i]! : s)));
});

const picks = { "one of one": { V: 1, E: [1], i: [0] }, "rows, some twice": { V: 5, E: [7], i: [4, 0, 4, -1, -5, 2] }, "blocks": { V: 3, E: [2, 3], i: [1, 1, 1] }, "scalars": { V: 6, E: [], i: [5, 0, 0] } };
describe.each(Object.entries(picks))("gatherGrad %s", (_, { V, E, i }) => {
  const graph = (constant: boolean) => oneNode("gatherGrad", [{ shape: [V, ...E] }, { shape: [i.length], data: Float32Array.from(i), constant }, { shape: [i.length, ...E] }], {});
  test.each([true, false])("indices constant: %s", async (constant) => {
    const { graph: g, inputs } = graph(constant);
    await expectLikeEvaluator(g, inputs, 0);
  });
  test.each(builds.map((b) => [b.name, b] as const))("hostile structs, %s", async (_, build) => {
    const { graph: g, inputs } = graph(false);
    await expectNoHarm(g, inputs, build, 23);
  });
});
