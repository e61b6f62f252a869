/** How good a model file is against the float one: what `--precision auto` steers by. */
import type { Judge } from "../../converter/auto.ts";
import type { Model, Values } from "../../sdk/model.ts";
import { score } from "./eval.ts";
import type { MetricName } from "./metrics.ts";
import { loadBuild } from "./open.ts";
import { answers } from "./runner.ts";
import { readArray, readSamples } from "./samples.ts";

/** Samples that the distance of outputs is taken over. */
const DISTANCE_SAMPLES = 16;

/** @param maxDrop points (hundredths) of top1, top5 and auc; per cent of mse and mae */
export function judgeOf(data: readonly string[], labelFile: string, metric: MetricName, maxDrop: number): (float: Uint8Array) => Promise<Judge> {
  return async (floatBytes) => {
    const float = await loadBuild(floatBytes), samples = await readSamples(data, float.inputs, "--data", float.metadata.preprocess), labels = await readArray(labelFile);
    const best = score(float, samples, labels, metric).value, some = { ...samples, count: Math.min(samples.count, DISTANCE_SAMPLES) }, truth = answers(float, some).flat();
    const use = async <T>(bytes: Uint8Array, measure: (model: Model) => T): Promise<T> => {
      const model = await loadBuild(bytes);
      try {
        return measure(model);
      } finally {
        model.dispose();
      }
    };
    return {
      maxDrop,
      drop: (bytes) => use(bytes, (model) => loss(metric, best, score(model, samples, labels, metric).value)),
      distance: (bytes) => use(bytes, (model) => meanSquare(truth, answers(model, some).flat())),
    };
  };
}

const loss = (metric: MetricName, float: number, found: number) => (metric === "mse" || metric === "mae" ? 100 * (found / float - 1) : 100 * (float - found));

function meanSquare(a: readonly Values[], b: readonly Values[]): number {
  let sum = 0, count = 0;
  a.forEach((x, k) => x.forEach((v, i) => { sum += (v - b[k]![i]!) ** 2; count++; }));
  return sum / count;
}
