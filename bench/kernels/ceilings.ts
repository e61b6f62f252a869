/** Peak loops that run beside the kernels, in the same process: what the host can do at most. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { root } from "../../scripts/engines/tools.ts";

/** `run` does `macs` multiply-accumulates. */
export interface Ceiling { name: string; run: () => void; macs: number }
const STEPS = 10_000, AT = 1024;

function compiled(file: string, ...features: string[]): Record<string, (p: number, steps: number) => number> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "octavo-peak-")), out = path.join(folder, "peak.wasm"), enable = features.flatMap((f) => ["--enable", f]);
  execFileSync(process.execPath, [path.join(root, "node_modules/assemblyscript/bin/asc.js"), path.join(import.meta.dirname, file), "-O3", "--runtime", "stub", "--initialMemory", "1", ...enable, "--config", "none", "-o", out]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(out)));
  rmSync(folder, { recursive: true });
  return exports as Record<string, (p: number, steps: number) => number>;
}

const ceiling = (name: string, loop: (p: number, steps: number) => number, macsPerStep: number): Ceiling => ({ name, run: () => void loop(AT, STEPS), macs: macsPerStep * STEPS });

/** Ceilings by build and kind; the one of `relaxed` is the faster of its two loops here. */
export function ceilings(): { int8: Record<"scalar" | "simd" | "relaxed", Ceiling>; float: Record<"scalar" | "simd" | "relaxed", Ceiling> } {
  const scalar = compiled("peak.scalar.ts"), simd = compiled("peak.i8.ts", "simd"), relaxed = compiled("peak.relaxed.ts", "simd", "relaxed-simd"), float = compiled("peak.f32.ts", "simd");
  const dotAdd = ceiling("relaxed dot-add", relaxed.dotAdd!, 192), dotOnes = ceiling("relaxed dot, ones", relaxed.dotOnes!, 192), i32 = ceiling("i32 mul-add", scalar.peak!, 12), f32 = ceiling("f32 mul-add", float.peak!, 48);
  const [a, b] = fastest([dotAdd.run, dotOnes.run], { windows: 20, windowMs: 2 });
  return { int8: { scalar: i32, simd: ceiling("dot16", simd.peak!, 96), relaxed: a! < b! ? dotAdd : dotOnes }, float: { scalar: i32, simd: f32, relaxed: f32 } };
}

export interface Windows { windows: number; windowMs: number }

/** Fewest seconds per run of each, over many short windows of all of them in turn. */
export function fastest(runs: readonly (() => void)[], { windows, windowMs }: Windows): number[] {
  const timed = (run: () => void, count: number) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) run();
    return (performance.now() - start) / count / 1000;
  };
  const counts = runs.map((run) => {
    for (let count = 1; ; count *= 2) if (timed(run, count) * count * 1000 > windowMs) return count;
  }), best = runs.map(() => Infinity);
  for (let w = 0; w < windows; w++) runs.forEach((run, i) => { best[i] = Math.min(best[i]!, timed(run, counts[i]!)); });
  return best;
}
