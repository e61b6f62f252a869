/** Every target that this project names, and how it is measured. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { pageScript, startChromium, startFirefox, visit } from "../../scripts/engines/browsers.ts";
import { locate, programOf, root, tools } from "../../scripts/engines/tools.ts";
import { withWorker, workerdVersion } from "../../scripts/engines/wrangler.ts";
import { writeNpy } from "../../targets/cli/npy.ts";
import { coldProcesses, ourProgram } from "../cold.ts";
import type { Latencies } from "./latency.ts";

/** Models lie in `folder` as NAME.octavo; `sizes`: elements of their inputs. */
export interface Cases { folder: string; sizes: Record<string, number> }
export interface Target {
  name: string;
  /** Milliseconds by build and model, and the engine's version. */
  latency(cases: Cases): Promise<{ version: string; latencies: Latencies }>;
  /** Milliseconds to the first answer of that model, and of the same without Octavo. */
  cold(cases: Cases, model: string): Promise<{ ms: number; empty: number }>;
}

const here = (file: string) => path.join(import.meta.dirname, file), output = (program: string, ...words: string[]) => execFileSync(program, words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
const versionIn = (text: string) => /\d+(\.\d+)+/.exec(text)![0], COLD_PROCESSES = 12, COLD_PAGES = 4, FEW = 20, WASI_MS = 40;
const shortest = (cold: ReturnType<typeof coldProcesses>) => ({ ms: cold.octavo!.ms, empty: cold.empty!.ms });

async function bundled(entry: string, folder: string): Promise<string> {
  const outfile = path.join(folder, `${entry}.mjs`), octavo = path.join(root, "dist/targets/node/index.js");
  await build({ entryPoints: [here(`${entry}.ts`)], outfile, bundle: true, format: "esm", platform: "node", target: "node20", alias: { octavo, "octavo/relaxed": octavo, "octavo/scalar": octavo } });
  return outfile;
}

/** @param words before the script · @param nothing what makes the engine do nothing */
const javascript = (name: string, program: () => string, words: string[], nothing: string[]): Target => ({
  name,
  latency: async ({ folder, sizes }) => ({ version: versionIn(output(program(), "--version")), latencies: JSON.parse(output(program(), ...words, await bundled("program", folder), folder, ...Object.keys(sizes))) as Latencies }),
  cold: async ({ folder }, model) => shortest(coldProcesses({ empty: [program(), ...nothing], octavo: [program(), ...words, ourProgram(folder, `${model}.octavo`)] }, COLD_PROCESSES)),
});

const browser = (name: string, agent: RegExp, start: Parameters<typeof visit>[0]): Target => {
  const read = (folder: string) => (file: string) => (/^[\w-]+\.octavo$/.test(file) ? readFileSync(path.join(folder, file)) : undefined);
  const cold = async (folder: string, model: string) => (await visit<{ ms: number }>(start, await pageScript(here("cold-page.ts"), { NAME: JSON.stringify(model) }), read(folder))).ms;
  return {
    name,
    async latency({ folder, sizes }) {
      const script = await pageScript(here("page.ts"), { NAMES: JSON.stringify(Object.keys(sizes)) }), found = await visit<{ latencies: Latencies; version: string; error?: string }>(start, script, read(folder));
      if (found.error) throw new Error(found.error);
      return { version: agent.exec(found.version)?.[1] ?? found.version, latencies: found.latencies };
    },
    async cold({ folder }, model) {
      let ms = Infinity, empty = Infinity;
      for (let i = 0; i < COLD_PAGES; i++) [ms, empty] = [Math.min(ms, await cold(folder, model)), Math.min(empty, await cold(folder, ""))];
      return { ms, empty };
    },
  };
};

function inWorker<T>(folder: string, use: (url: URL) => Promise<T>): Promise<T> {
  const config = path.join(folder, "wrangler.json");
  writeFileSync(config, JSON.stringify({ name: "bench", main: here("worker.ts"), compatibility_date: "2026-10-01", alias: { octavo: path.join(root, "dist/targets/cloudflare/index.js") } }));
  return withWorker(config, use);
}

async function request(url: URL, runs: number, model?: Uint8Array<ArrayBuffer>): Promise<number> {
  const start = performance.now(), response = await fetch(new URL(`?runs=${runs}`, url), model ? { method: "POST", body: model } : {});
  if ((await response.text()) !== "done") throw new Error(`the Worker answered ${response.status}`);
  return performance.now() - start;
}

/** The clock of workerd stands still while code runs: two numbers of runs are timed from outside. */
const workerd: Target = {
  name: "workerd",
  latency: ({ folder, sizes }) => inWorker(folder, async (url) => {
    const simd: Record<string, number> = {};
    for (const name of Object.keys(sizes)) {
      await request(url, 500, readFileSync(path.join(folder, `${name}.octavo`)));
      const once = await request(url, 500) / 500, runs = Math.ceil(25 / once), few: number[] = [], many: number[] = [];
      for (let i = 0; i < 30; i++) {
        few.push(await request(url, 0));
        many.push(await request(url, runs));
      }
      simd[name] = (Math.min(...many) - Math.min(...few)) / runs;
    }
    return { version: workerdVersion(), latencies: { simd } };
  }),
  /** The first request only wakes the isolate; the second one brings the model, loads it and runs it. */
  async cold({ folder }, model) {
    const bytes = readFileSync(path.join(folder, `${model}.octavo`)), times: number[] = [], empty: number[] = [];
    for (let i = 0; i < COLD_PAGES; i++) await inWorker(folder, async (url) => {
      await request(url, 0);
      empty.push(await request(url, 0));
      times.push(await request(url, 1, bytes));
    });
    return { ms: Math.min(...times), empty: Math.min(...empty) };
  },
};

/** A folder that the command gets as its only one, and inputs of so many samples. */
function prepared({ folder, sizes }: Cases, model: string, samples: number): [folder: string, input: string, output: string] {
  const own = path.join(folder, model), input = path.join(own, `${samples}.npy`), size = sizes[model]!;
  mkdirSync(own, { recursive: true });
  copyFileSync(path.join(folder, `${model}.octavo`), path.join(own, "model.octavo"));
  writeFileSync(input, writeNpy({ dtype: "float32", shape: [samples, size], data: new Float32Array(samples * size) }));
  return [own, input, path.join(own, "out.npy")];
}

/** Hosts of the WASI command: a few and many samples; the difference is that of inferences, reading and writing included. */
const wasi = (name: string, version: () => string, host: (folder: string) => Promise<[string, ...string[]]>, nothing: (program: string) => string[]): Target => ({
  name,
  async latency(cases) {
    const [program, ...words] = await host(cases.folder), found: Latencies = {};
    for (const [build, command] of [["scalar", "octavo-run"], ["simd", "octavo-run-simd"]] as const) for (const model of Object.keys(cases.sizes)) {
      const ms = (samples: number) => Number(output(program, ...words, path.join(root, `build/${command}.wasm`), ...prepared(cases, model, samples), "12"));
      const few = ms(FEW), more = Math.max(FEW, Math.min(20 * FEW, Math.round((FEW * WASI_MS) / few)));
      (found[build] ??= {})[model] = (ms(FEW + more) - few) / more;
    }
    return { version: version(), latencies: found };
  },
  async cold(cases, model) {
    const [program, ...words] = await host(cases.folder);
    return shortest(coldProcesses({ empty: [program, ...nothing(program)], octavo: [program, ...words, path.join(root, "build/octavo-run-simd.wasm"), ...prepared(cases, model, 1), "1"] }, COLD_PROCESSES));
  },
});

const python = () => locate("python3 -m venv with wasmtime from PyPI; PYTHON says where", process.env.PYTHON, path.join(tools, "py/bin/python"));
const node = (major: 20 | 22 | 24 | 26) => javascript(`Node ${major}`, () => programOf(`node${major}`), [], ["-e", "0"]);

export const targets: readonly Target[] = [
  node(20), node(22), node(24), node(26), browser("Chromium", /Chrome\/([\d.]+)/, startChromium), browser("Firefox ESR", /Firefox\/([\d.]+)/, startFirefox), workerd,
  javascript("Bun", () => programOf("bun"), [], ["-e", "0"]), javascript("Deno", () => programOf("deno"), ["run", "-A", "--no-lock", "--node-modules-dir=manual"], ["eval", "0"]),
  wasi("node:wasi", () => process.versions.node, async (folder) => [process.execPath, "--no-warnings", await bundled("node-wasi", folder)], () => ["-e", "0"]),
  wasi("wasmtime (Python)", () => versionIn(output(python(), "-c", "import importlib.metadata as m; print(m.version('wasmtime'))")), async () => [python(), here("wasmtime_time.py")], () => ["-c", "import wasmtime"]),
];
