/** What was asked for, and what a run shows: how many times as fast, model by model, within one run. */
import type { Timings } from "../peers/rounds.ts";

/** `plain`: Chromium without AVX-VNNI. */
export type RunName = "chromium" | "plain" | "node";
export interface Claim { what: string; models: "cnn" | "lstm" | "all"; ours: string; peers: RegExp; run: RunName; asked: { each?: number; mean?: number } }
export interface Ratio { claim: Claim; models: string[]; ratios: number[]; least: number; mean: number }

const xnnpack = /^(LiteRT.js|tfjs-tflite), int8$/, ortInt8 = /^onnxruntime-web, u?int8$/;
export const claims: readonly Claim[] = [
  { what: "`simd` int8 : the faster of LiteRT.js and tfjs-tflite int8", models: "cnn", ours: "Octavo simd, int8", peers: xnnpack, run: "chromium", asked: { each: 1.2, mean: 1.4 } },
  { what: "`relaxed` int8 : the same", models: "cnn", ours: "Octavo relaxed, int8", peers: xnnpack, run: "chromium", asked: {} },
  { what: "`relaxed`, 7-bit weights : the same", models: "cnn", ours: "Octavo relaxed, 7-bit weights", peers: xnnpack, run: "chromium", asked: { mean: 1.7 } },
  { what: "`simd` int8 : tfjs-tflite int8 (XNNPACK without relaxed SIMD)", models: "cnn", ours: "Octavo simd, int8", peers: /^tfjs-tflite, int8$/, run: "chromium", asked: {} },
  { what: "`simd` int8 : onnxruntime-web int8, the faster form", models: "cnn", ours: "Octavo simd, int8", peers: ortInt8, run: "chromium", asked: { mean: 4 } },
  { what: "`simd` int8 : onnxruntime-web, its fastest form", models: "lstm", ours: "Octavo simd, int8", peers: /^onnxruntime-web/, run: "chromium", asked: { each: 1.7 } },
  { what: "`relaxed` int8 : the same", models: "lstm", ours: "Octavo relaxed, int8", peers: /^onnxruntime-web/, run: "chromium", asked: {} },
  { what: "`simd` float : LiteRT.js float", models: "cnn", ours: "Octavo simd, float", peers: /^LiteRT.js, float$/, run: "chromium", asked: { mean: 1 } },
  { what: "`simd` float : TensorFlow.js", models: "cnn", ours: "Octavo simd, float", peers: /^TensorFlow.js/, run: "chromium", asked: {} },
  { what: "`simd` int8 : the faster of LiteRT.js and tfjs-tflite int8", models: "cnn", ours: "Octavo simd, int8", peers: xnnpack, run: "plain", asked: { each: 1.2, mean: 1.4 } },
  { what: "`simd` int8 : onnxruntime-web int8, the faster form", models: "cnn", ours: "Octavo simd, int8", peers: ortInt8, run: "plain", asked: { mean: 4 } },
  { what: "`simd` int8 : onnxruntime-web, its fastest form", models: "lstm", ours: "Octavo simd, int8", peers: /^onnxruntime-web/, run: "plain", asked: { each: 1.7 } },
  { what: "`simd` int8 : the faster of LiteRT.js", models: "cnn", ours: "Octavo simd, int8", peers: xnnpack, run: "node", asked: { each: 1.2, mean: 1.4 } },
  { what: "`relaxed` int8 : the same", models: "cnn", ours: "Octavo relaxed, int8", peers: xnnpack, run: "node", asked: {} },
  { what: "`relaxed`, 7-bit weights : the same", models: "cnn", ours: "Octavo relaxed, 7-bit weights", peers: xnnpack, run: "node", asked: { mean: 1.7 } },
  { what: "`simd` int8 : onnxruntime-web, its fastest form", models: "lstm", ours: "Octavo simd, int8", peers: /^onnxruntime-web/, run: "node", asked: { each: 1.7 } },
  { what: "`simd` int8 : native onnxruntime at its best", models: "all", ours: "Octavo simd, int8", peers: /^onnxruntime native/, run: "node", asked: { mean: 1 } },
  { what: "`relaxed` int8 : the same", models: "all", ours: "Octavo relaxed, int8", peers: /^onnxruntime native/, run: "node", asked: {} },
  { what: "`relaxed`, 7-bit weights : the same", models: "all", ours: "Octavo relaxed, 7-bit weights", peers: /^onnxruntime native/, run: "node", asked: { mean: 1 } },
];

export const millisecondsOf = (rows: Timings[string] | undefined, name: string): number | undefined => {
  const t = rows?.[name];
  return t && "ms" in t ? t.ms : undefined;
};

/** Milliseconds of the fastest of those peers. */
const fastest = (rows: Timings[string], peers: RegExp): number => Math.min(...Object.keys(rows).filter((name) => peers.test(name)).map((name) => millisecondsOf(rows, name) ?? Infinity));
export const geometricMean = (values: readonly number[]): number => Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);

export function ratioOf(claim: Claim, models: readonly { name: string; kind: string }[], timings: Timings): Ratio {
  const wanted = models.filter((m) => claim.models === "all" || m.kind === claim.models).map((m) => m.name);
  const all = wanted.map((name) => [name, fastest(timings[name] ?? {}, claim.peers) / (millisecondsOf(timings[name], claim.ours) ?? NaN)] as const).filter(([, r]) => Number.isFinite(r));
  const ratios = all.map(([, r]) => r);
  return { claim, models: all.map(([name]) => name), ratios, least: Math.min(...ratios), mean: geometricMean(ratios) };
}
