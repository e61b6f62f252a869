/** All contenders of a model in turn, window by window, in one process: neighbours on the machine slow all of them alike. */
import { contenders, inputFor, noiseFor, realOf, type Contender, type Engine, type EngineName, type Entry, type Host, type Runner } from "./contenders.ts";
import { engines } from "./engines/index.ts";

export interface Options { rounds: number; windowMs: number; warmUpMs: number; only?: readonly string[] }
/** Milliseconds per run. `deviation`: largest distance to our float answer, as a share of its range. */
export interface Timing { ms: number; medianMs: number; deviation: number }
export type Timings = Record<string, Record<string, Timing | { error: string }>>;

interface Racer { contender: Contender; runner: Runner; run: () => unknown; count: number; windows: number[]; answer: Float32Array }

async function timed(run: () => unknown, count: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    const result = run();
    if (result instanceof Promise) await result;
  }
  return (performance.now() - start) / count;
}

async function warm(run: () => unknown, { warmUpMs, windowMs }: Options): Promise<number> {
  const start = performance.now();
  let ms = Infinity;
  for (let i = 0; i < 5 || performance.now() - start < warmUpMs; i++) ms = Math.min(ms, await timed(run, ms < 1 ? 10 : 1));
  return Math.max(1, Math.ceil(windowMs / ms));
}

async function enter(engine: Engine, entry: Entry, contender: Contender, options: Options): Promise<Racer> {
  const runner = await engine.open(entry, contender), x = inputFor(entry, contender, noiseFor(entry)), run = () => runner.run(x);
  const answer = realOf(entry, contender, await run());
  return { contender, runner, run, count: await warm(run, options), windows: [], answer };
}

const message = (error: unknown) => ({ error: String((error as Error)?.message ?? error).split("\n")[0]!.slice(0, 200) });

type Started = Map<EngineName, Engine | { error: string }>;

/** Every contender of the host's engines, model by model. */
export async function race(entries: readonly Entry[], host: Host, options: Options): Promise<Timings> {
  const started: Started = new Map(), timings: Timings = {};
  const entrants = contenders.filter((c) => c.hosts.includes(host.name) && (!options.only || options.only.some((part) => c.name.includes(part))));
  for (const { engine } of entrants) if (!started.has(engine)) started.set(engine, await engines[engine](host).catch(message));
  for (const entry of entries) timings[entry.name] = await raceModel(entry, entrants.filter((c) => entry.files.includes(c.file)), started, options);
  return timings;
}

async function raceModel(entry: Entry, entrants: readonly Contender[], started: Started, options: Options): Promise<Timings[string]> {
  const racers: Racer[] = [], results: Timings[string] = {};
  for (const contender of entrants) {
    const engine = started.get(contender.engine)!, entered = "error" in engine ? engine : await enter(engine, entry, contender, options).catch(message);
    if ("error" in entered) results[contender.name] = entered;
    else racers.push(entered);
  }
  for (let round = 0; round < options.rounds; round++) for (const r of racers) r.windows.push(await timed(r.run, r.count));
  const float = racers.find((r) => r.contender.file === "float.octavo")?.answer;
  for (const { contender, runner, windows, answer } of racers) {
    windows.sort((a, b) => a - b);
    results[contender.name] = { ms: windows[0]!, medianMs: windows[windows.length >> 1]!, deviation: float ? deviation(answer, float) : 0 };
    runner.close();
  }
  return results;
}

/** Largest distance to our float answer, as a share of its range. */
function deviation(y: Float32Array, float: Float32Array): number {
  const range = Math.max(...float) - Math.min(...float) || 1;
  return Math.max(...y.map((v, i) => Math.abs(v - float[i]!))) / range;
}
