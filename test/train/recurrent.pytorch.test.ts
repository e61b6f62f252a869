/** Whole recurrent layers made of the operators of training, against PyTorch's gradients of every input and weight. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { sizeOf, type Graph } from "../../converter/ir/graph.ts";
import type { Attributes } from "../../converter/ir/ops.ts";
import { load } from "../../targets/node/index.ts";
import { valuesOf, type Stored } from "../formats/made.ts";
import { builds } from "./run.ts";
import { relativeError } from "../kernels/run.ts";

interface Case { name: string; op: "lstm" | "gru" | "rnn"; form: string; quantization: { scale: number; zeroPoint: number } | null; tensors: Record<string, Stored>; gradients: Record<string, Stored> }
const { cases } = JSON.parse(gunzipSync(readFileSync(new URL("../fixtures/train/recurrent.json.gz", import.meta.url))).toString()) as { cases: Case[] };

const keeps = { lstm: ["act", "c"], gru: ["act", "inner", "h"], rnn: ["h"] }, results = { lstm: ["y", "act", "c", "hn"], gru: ["y", "act", "inner", "hn", "h"], rnn: ["y", "hn", "h"] };

/** Outputs dx, dw, db, dr … */
function graphOf({ op, form, quantization, tensors }: Case): Graph {
  const b = new GraphBuilder("test", "layer"), { x, h0, w } = tensors as Record<string, Stored>, [T, N, I] = x!.shape as [number, number, number], H = h0!.shape[1]!, GH = w!.shape[0]!;
  for (const [name, { shape }] of Object.entries(tensors)) b.input(name, "float32", shape);
  const own = op === "gru" ? { linearBeforeReset: form === "linear" } : op === "rnn" ? { activation: form } : {}, attributes = { hidden: H, ...own, ...(quantization && { quantization }) } as never;
  const states = op === "lstm" ? ["h0", "c0"] : ["h0"], gates = b.add("dense", ["x", "w", "b"], { clamp: [-Infinity, Infinity] }, ["gates"]);
  b.add(`${op}Forward`, [gates, "r", ...(op === "gru" ? ["rb"] : []), ...states], attributes, results[op]);
  b.add(`${op}Grad`, ["r", ...keeps[op], ...states, "dy", "dhn", ...(op === "lstm" ? ["dcn"] : [])], attributes, ["dgates", "dh0", ...(op === "lstm" ? ["dc0"] : form === "linear" ? ["dsums"] : [])]);
  b.add("matmul", ["dgates", "w"], {}, ["dx"]);
  weightGrad(b, "dw", "x", "dgates");
  b.add("biasGrad", [zeros(b, [GH]), "dgates"], {}, ["db"]);
  const before = previous(b, T, N, H, quantization), sums = form === "linear" ? "dsums" : "dgates";
  if (op === "gru") b.add("biasGrad", [zeros(b, [GH]), sums], {}, ["drb"]);
  if (form === "reset first") {
    const rows = (name: string, start: number, size: number, of: string) => weightGrad(b, name, of, b.add("slice", ["dgates"], { starts: [0, 0, start], steps: [1, 1, 1], sizes: [T, N, size] }, [`${name} rows`]));
    b.add("concat", [rows("dr of z, r", 0, 2 * H, before), rows("dr of n", 2 * H, H, "inner")], { axis: 0 }, ["dr"]);
  } else weightGrad(b, "dr", before, sums);
  for (const name of ["x", "w", "b", "r", "rb", ...states]) if (tensors[name]) b.output(`d${name}`);
  return b.graph;
}

const zeros = (b: GraphBuilder, shape: number[]) => b.constant("zeros", "float32", shape, new Float32Array(sizeOf(shape)));

/** [O,K] from rows x [T,N,K] and d [T,N,O] */
function weightGrad(b: GraphBuilder, name: string, x: string, d: string): string {
  const rows = (t: string) => b.add("reshape", [t], { shape: [1, 1, sizeOf(b.shape(t).slice(0, 2)), b.shape(t)[2]!] }, [`${name}: ${t}`]), [O, K] = [b.shape(d)[2]!, b.shape(x)[2]!];
  const plain: Attributes<"conv2dWeightGrad"> = { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1 };
  return b.add("reshape", [b.add("conv2dWeightGrad", [zeros(b, [O, 1, 1, K]), rows(x), rows(d)], plain, [`${name} filters`])], { shape: [O, K] }, [name]);
}

/** h0, y[0], … y[T − 2] as the products see them. */
function previous(b: GraphBuilder, T: number, N: number, H: number, q: Case["quantization"]): string {
  const start = q ? b.add("fakeQuant", ["h0"], { ...q, lo: -128, hi: 127 }, ["h0 held"]) : "h0";
  return b.add("concat", [b.add("reshape", [start], { shape: [1, N, H] }), b.add("slice", ["y"], { starts: [0, 0, 0], steps: [1, 1, 1], sizes: [T - 1, N, H] })], { axis: 0 }, ["before"]);
}

describe.each(builds.map((build) => [build.name, build] as const))("%s", (_, build) => {
  test.each(cases.map((k) => [k.name, k] as const))("%s", async (_, k) => {
    const { model } = await compile(graphOf(k)), loaded = await load(model, { builds: [build] });
    const found = loaded.run(Object.fromEntries(Object.entries(k.tensors).map(([name, v]) => [name, valuesOf(v) as Float32Array]))) as Record<string, Float32Array>;
    for (const [name, want] of Object.entries(k.gradients)) expect(relativeError(found[`d${name}`]!, valuesOf(want)), name).toBeLessThan(1e-5);
  });
});
