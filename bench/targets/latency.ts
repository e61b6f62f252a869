/** Latency of model files on a JavaScript target: shortest of many windows, in milliseconds. */
import { load, type Build, type Model } from "octavo";

/** By build, by model. */
export type Latencies = Record<string, Record<string, number>>;
const WARM_UP_MS = 200, WINDOW_MS = 8, WINDOWS = 25;

/** An inference on zeros. */
export function runOf(model: Model): () => void {
  const x = new Float32Array(model.inputs[0]!.shape.reduce((n, d) => n * d, 1));
  return () => void model.run(x);
}

function shortest(run: () => void): number {
  const time = (count: number) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) run();
    return (performance.now() - start) / count;
  };
  const start = performance.now();
  let count = 1, best = Infinity;
  while (performance.now() - start < WARM_UP_MS) count = Math.max(1, Math.ceil(WINDOW_MS / Math.max(time(count), 1e-4)));
  for (let i = 0; i < WINDOWS; i++) best = Math.min(best, time(count));
  return best;
}

export async function latencies(builds: readonly Build[], files: Record<string, Uint8Array>): Promise<Latencies> {
  const found: Latencies = {};
  for (const build of builds.filter((b) => b.supported())) {
    found[build.name] = {};
    for (const [name, bytes] of Object.entries(files)) found[build.name]![name] = shortest(runOf(await load(bytes, { builds: [build] })));
  }
  return found;
}
