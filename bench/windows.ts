/** An operator beside the peak loop of the same process, interleaved, best of many short windows. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const WINDOW_MS = 4, WINDOWS = 60, PEAK_STEPS = 10000;
/** Multiply-accumulates of one step of bench/peak.*.ts. */
const perStep = { f32: 48, i8: 96 };

/** Runs the loop of bench/peak.*.ts once. */
function peakLoop(element: "f32" | "i8"): () => void {
  const root = path.resolve(import.meta.dirname, ".."), file = path.join(os.tmpdir(), `octavo-peak-${element}.wasm`);
  execFileSync(process.execPath, [path.join(root, "node_modules/assemblyscript/bin/asc.js"), path.join(root, `bench/peak.${element}.ts`), "-O3", "--runtime", "stub", "--initialMemory", "1", "--enable", "simd", "--config", "none", "-o", file]);
  const { peak } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file))).exports as { peak: (p: number, steps: number) => number };
  return () => peak(1024, PEAK_STEPS);
}

/** Fewest seconds per run over many windows of both, one after the other. */
function fastest(a: () => void, b: () => void): [number, number] {
  const timed = (run: () => void, count: number) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) run();
    return (performance.now() - start) / count / 1000;
  };
  const counts = [a, b].map((run) => {
    for (let count = 1; ; count *= 2) if (timed(run, count) * count * 1000 > WINDOW_MS) return count;
  });
  const best: [number, number] = [Infinity, Infinity];
  for (let w = 0; w < WINDOWS; w++) [a, b].forEach((run, k) => { best[k] = Math.min(best[k]!, timed(run, counts[k]!)); });
  return best;
}

export interface Case { name: string; run: () => void; /** Multiply-accumulates of one run. */ macs: number; /** Elements of the result. */ size: number }

/** Prints microseconds, and GMAC/s beside the peak loop's or nanoseconds per element. */
export function reporter(element: "f32" | "i8"): (c: Case) => void {
  const peak = peakLoop(element);
  return ({ name, run, macs, size }) => {
    const [seconds, peakSeconds] = fastest(run, peak), ceiling = (perStep[element] * PEAK_STEPS) / peakSeconds / 1e9, rate = macs / seconds / 1e9;
    const found = macs ? `${rate.toFixed(1).padStart(6)} GMAC/s ${((100 * rate) / ceiling).toFixed(0).padStart(4)} % of ${ceiling.toFixed(1)}` : `${((seconds * 1e9) / size).toFixed(2).padStart(6)} ns per output`;
    console.log(name.padEnd(26), `${(seconds * 1e6).toFixed(1).padStart(8)} µs`, found);
  };
}
