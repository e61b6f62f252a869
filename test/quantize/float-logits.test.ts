/** The last dense layer of a quantized file gives real numbers to the function behind it, and only there. */
import { describe, expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { tensorOf, type Graph, type Quantization } from "../../converter/ir/graph.ts";
import { noClamp, type Clamp } from "../../converter/ir/ops.ts";
import { importQuantized } from "../../converter/quantize/import.ts";
import { load } from "../../targets/node/index.ts";
import { builds } from "../kernels/run.ts";
import { random } from "../kernels/random.ts";

const per = (scale: number, zeroPoint = 0): Quantization => ({ scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: 0 });
const i8 = (scale: number, zero: number) => ({ dtype: "int8" as const, quantization: per(scale, zero) });
interface Net { rows: number; outputs: number; fn?: "softmax" | "sigmoid" | "tanh"; clamp?: Clamp; also?: boolean }

/** x → dense → reshape → function, int8 throughout. */
function net({ rows, outputs, fn = "softmax", clamp = noClamp, also = false }: Net): Graph {
  const g = new GraphBuilder("test", "net"), r = random(3), I = 13, w = Int8Array.from({ length: outputs * I }, () => r.whole(-127, 127)), b = Int32Array.from({ length: outputs }, () => r.whole(-900, 900));
  g.input("x", "int8", [rows, I], "", per(0.02, 5));
  const y = g.add("dense", ["x", g.constant("w", "int8", [outputs, I], w, per(0.01)), g.constant("b", "int32", [outputs], b, per(0.0002))], { clamp }, ["logits"], i8(0.17, 3));
  const view = g.add("reshape", [y], { shape: [1, rows, outputs] }, ["view"], i8(0.17, 3));
  g.output(fn === "softmax" ? g.add("softmax", [view], { axis: 2 }, ["y"], i8(1 / 256, -128)) : g.add(fn, [view], { alpha: 0, beta: 0 }, ["y"], i8(1 / 256, -128)));
  if (also) g.output(g.add("reshape", [view], { shape: [rows, outputs] }, ["z"], i8(0.17, 3)));
  return g.graph;
}

describe("dense, softmax or sigmoid", () => {
  test.each([{ rows: 1, outputs: 10 }, { rows: 3, outputs: 5 }, { rows: 2, outputs: 16 }, { rows: 2, outputs: 9, fn: "sigmoid" as const }])("%o", async (n) => {
    const source = net(n), graph = importQuantized(source), r = random(7), x = new Map([["x", Int8Array.from({ length: n.rows * 13 }, () => r.whole(-128, 127))]]);
    expect(["logits", "view"].map((name) => tensorOf(graph, name).dtype)).toEqual(["float32", "float32"]);
    const free = { ...source, tensors: new Map(source.tensors) };
    for (const name of ["logits", "view"]) free.tensors.set(name, { name, dtype: "float32", shape: tensorOf(source, name).shape });
    free.nodes = source.nodes.map((node) => (node.op === "dense" ? { ...node, attributes: { clamp: [0.17, 0.17].map((s, i) => Math.fround(s) * ([-128, 127][i]! - 3)) as Clamp } } : node));
    expect([...evaluate(graph, x).get("y")!]).toEqual([...evaluate(free, x).get("y")!]);
    const { model } = await compile(graph), wanted = [...evaluate(graph, x).get("y")!];
    const got = await Promise.all(builds.map(async (build) => [...((await load(model, { builds: [build] })).runRaw({ x: x.get("x")! }) as Record<string, Int8Array>).y!]));
    for (const y of got) expect(y).toEqual(got[0]);
    got[0]!.forEach((q, i) => expect(Math.abs(q - wanted[i]!)).toBeLessThanOrEqual(1));
  });
});

test.each([["a clamp", { rows: 1, outputs: 4, clamp: [0, 6] as Clamp }, {}], ["another reader", { rows: 1, outputs: 4, also: true }, {}], ["another function", { rows: 1, outputs: 4, fn: "tanh" as const }, {}],
  ["a device that trains", { rows: 1, outputs: 4 }, { trainable: true }], ["TFLite's rounding", { rows: 1, outputs: 4 }, { exact: true }]])("%s keeps the integers", (_, n, options) => {
  expect(tensorOf(importQuantized(net(n), options), "logits").dtype).toBe("int8");
});
