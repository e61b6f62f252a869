/** lstm, gru and rnn against the evaluator, and the same bytes from every build. */
import { describe, expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { tensorOf, type Graph, type Quantization } from "../../converter/ir/graph.ts";
import type { RecurrentActivation } from "../../converter/ir/ops.ts";
import { load, relaxed, scalar, simd } from "../../targets/node/index.ts";
import { random } from "./random.ts";
import { reference } from "./reference.ts";
import { relaxedHosts } from "./relaxed-hosts.ts";

const builds = [reference, ...[scalar, simd, relaxed].filter((b) => b.supported()), ...Object.values(relaxedHosts)];
const act = (fn: RecurrentActivation["fn"], alpha = 0, beta = 0): RecurrentActivation => ({ fn, alpha, beta });
const activations = { lstm: [act("sigmoid"), act("tanh"), act("tanh")], gru: [act("sigmoid"), act("tanh")], rnn: [act("tanh")] };
const gates = { lstm: 4, gru: 3, rnn: 1 }, biases = { lstm: 4, gru: 6, rnn: 1 };
type Op = keyof typeof gates;

interface Case { op: Op; T: number; N: number; I: number; H: number; direction: "forward" | "reverse" | "bidirectional"; extra?: string; runtimeWeights?: boolean }
const cases: Case[] = [
  { op: "lstm", T: 7, N: 1, I: 5, H: 16, direction: "forward" },
  { op: "lstm", T: 3, N: 2, I: 9, H: 13, direction: "bidirectional", extra: "states" },
  { op: "lstm", T: 4, N: 1, I: 8, H: 6, direction: "reverse", extra: "peephole" },
  { op: "lstm", T: 5, N: 3, I: 3, H: 8, direction: "bidirectional", extra: "lengths" },
  { op: "lstm", T: 5, N: 1, I: 3, H: 5, direction: "forward", extra: "inputForget", runtimeWeights: true },
  { op: "lstm", T: 5, N: 1, I: 3, H: 5, direction: "forward", extra: "hardSigmoid" },
  { op: "lstm", T: 6, N: 1, I: 3, H: 11, direction: "forward", extra: "clip" },
  { op: "gru", T: 6, N: 1, I: 28, H: 20, direction: "forward" },
  { op: "gru", T: 6, N: 2, I: 7, H: 9, direction: "bidirectional", extra: "states" },
  { op: "gru", T: 6, N: 1, I: 7, H: 9, direction: "reverse", extra: "linear" },
  { op: "gru", T: 4, N: 3, I: 6, H: 19, direction: "forward", extra: "lengths", runtimeWeights: true },
  { op: "rnn", T: 9, N: 2, I: 4, H: 7, direction: "bidirectional" },
  { op: "lstm", T: 19, N: 1, I: 31, H: 10, direction: "forward" },
  { op: "lstm", T: 12, N: 3, I: 4, H: 21, direction: "bidirectional", extra: "states" },
  { op: "gru", T: 5, N: 2, I: 261, H: 12, direction: "bidirectional" },
  { op: "rnn", T: 3, N: 1, I: 1, H: 1, direction: "forward", extra: "relu" },
];

const perTensor = (scale: number, zeroPoint: number): Quantization => ({ scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: 0 });

function attributesOf({ op, direction, H, extra }: Case) {
  const D = direction === "bidirectional" ? 2 : 1, own = extra === "hardSigmoid" ? [act("hardSigmoid", 0.2, 0.5), act("tanh"), act("softsign")] : extra === "relu" ? [act("clip", 0, Infinity)] : activations[op];
  return {
    direction, hidden: H, activations: Array.from({ length: D }, () => own).flat(), clip: extra === "clip" ? 0.4 : 0,
    inputForget: extra === "inputForget", linearBeforeReset: extra === "linear",
  };
}

/** The layer with its outputs y, h (and c); int8: x, y and weights quantized, the rest float. */
function build(k: Case, int8: boolean, seed: number): { graph: Graph; inputs: Map<string, Float32Array> } {
  const r = random(seed), b = new GraphBuilder("test", `${k.op}`), D = k.direction === "bidirectional" ? 2 : 1, G = gates[k.op], { T, N, I, H } = k;
  const inputs = new Map<string, Float32Array>(), input = (name: string, shape: number[], values: Float32Array) => (inputs.set(name, values), b.input(name, "float32", shape));
  const rows = (stem: string, K: number) => {
    const shape = [D, G * H, K], scale = Float32Array.from({ length: D * G * H }, (_, i) => 0.003 + 0.0001 * (i % 7));
    if (int8) return b.constant(stem, "int8", shape, r.bytes(D * G * H * K), { scale, zeroPoint: new Int32Array(scale.length), axis: 1 });
    return k.runtimeWeights ? input(stem, shape, r.floats(D * G * H * K, 0.4)) : b.constant(stem, "float32", shape, r.floats(D * G * H * K, 0.4));
  };
  let x = input("x", [T, N, I], r.floats(T * N * I, 1.5));
  if (int8) x = b.add("quantize", [x], {}, ["xq"], { dtype: "int8", quantization: perTensor(0.012, 3) });
  const w = rows("w", I), rec = rows("r", H), bias = r.floats(D * biases[k.op] * H, 0.5);
  const names = [x, w, rec, k.runtimeWeights && !int8 ? input("b", [D, biases[k.op] * H], bias) : b.constant("b", "float32", [D, biases[k.op] * H], bias), "", "", "", ""];
  if (k.extra === "states") for (const i of k.op === "lstm" ? [4, 5] : [4]) names[i] = input(`state${i}`, [D, N, H], r.floats(D * N * H));
  if (k.extra === "peephole") names[6] = b.constant("p", "float32", [D, 3 * H], r.floats(D * 3 * H, 0.5));
  if (k.extra === "lengths") names[k.op === "lstm" ? 7 : 5] = b.constant("lengths", "int32", [N], Int32Array.from({ length: N }, (_, n) => 1 + ((2 * n) % T)));
  while (names.at(-1) === "") names.pop();
  b.add(k.op, names, attributesOf(k) as never, ["y", "h", "c"].slice(0, k.op === "lstm" ? 3 : 2), int8 ? { dtype: "int8", quantization: perTensor(1 / 100, -4) } : undefined);
  const outputs = k.op === "lstm" ? ["h", "c"] : ["h"];
  if (int8) outputs.push(b.add("dequantize", ["y"], {}, ["yf"]));
  else outputs.push("y");
  for (const o of outputs) b.output(o);
  return { graph: b.graph, inputs };
}

async function runEverywhere(graph: Graph, inputs: Map<string, Float32Array>) {
  const { model } = await compile(graph);
  return Promise.all(builds.map(async (build) => (await load(model, { builds: [build] })).run(Object.fromEntries(inputs)) as Record<string, Float32Array>));
}

const title = (k: Case) => `${k.op} T${k.T} N${k.N} I${k.I} H${k.H} ${k.direction} ${k.extra ?? ""}${k.runtimeWeights ? " weights at run time" : ""}`;

describe.each(cases.map((k, i) => [title(k), k, i + 1] as const))("%s", (_, k, seed) => {
  test("float32", async () => {
    const { graph, inputs } = build(k, false, seed), want = evaluate(graph, inputs), got = await runEverywhere(graph, inputs);
    for (const name of graph.outputs) {
      for (const [i, v] of got[0]![name]!.entries()) expect(Math.abs(v - want.get(name)![i]!)).toBeLessThan(2e-6);
      for (const other of got) expect(other[name]).toEqual(got[0]![name]);
    }
  });

  test.skipIf(["peephole", "lengths", "inputForget"].includes(k.extra ?? "") && k.op === "lstm")("int8", async () => {
    const { graph, inputs } = build({ ...k, runtimeWeights: false }, true, seed), want = evaluate(graph, inputs), got = await runEverywhere(graph, inputs);
    for (const name of graph.outputs) {
      // Rounding of a hidden value may fall on the other side of a half: one step of 1/100, and what follows from it.
      for (const [i, v] of got[0]![name]!.entries()) expect(Math.abs(v - want.get(name)![i]!)).toBeLessThan(0.0101);
      for (const other of got) expect(other[name]).toEqual(got[0]![name]);
    }
  });
});

test.each(["lstm", "gru", "rnn"] as const)("%s: states that decay become zero, not subnormal", async (op) => {
  const k: Case = { op, T: 200, N: 1, I: 3, H: 8, direction: "forward" }, { graph, inputs } = build(k, false, 5);
  tensorOf(graph, "b").data!.fill(0);
  inputs.get("x")!.fill(0, 3 * k.I);
  const got = await runEverywhere(graph, inputs);
  for (const { y } of got) {
    expect(y!.every((v) => v === 0 || Math.abs(v) > 2 ** -126)).toBe(true);
    expect([y![k.H]! !== 0, y!.at(-1)]).toEqual([true, 0]);
    expect(y).toEqual(got[0]!.y);
  }
});
