/** Engines without a page: JavaScript runtimes, workerd, and hosts of the WASI command. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { wasiCommand } from "../../test/targets/wasi-command.ts";
import type { Case, Cases } from "./cases.ts";
import { locate, nodeForArm, programOf, root, run, tools, type Answer } from "./tools.ts";
import { DATA, digestOfFile, WORDS } from "./training.mjs";
import { withWorker, workerdVersion } from "./wrangler.ts";

const casesIn = (folder: string): Cases => JSON.parse(readFileSync(path.join(folder, "cases.json"), "utf8")) as Cases;
const runner = path.join(import.meta.dirname, "runner.mjs"), targets = path.join(root, "dist/targets/node"), commands = (build: string) => path.join(root, `build/octavo-${build}.wasm`);

async function javascript(program: string, words: string[], folder: string): Promise<Answer> {
  const version = /[\d.]+/.exec(await run(program, [...words.filter((w) => path.isAbsolute(w)), "--version"]))![0];
  return { version, ...(JSON.parse(await run(program, [...words, runner, targets, folder])) as Omit<Answer, "version">) };
}

/** ARM code of Node, instruction by instruction in qemu-user, whose address space is too small for the guard pages of some hundred memories. */
export async function nodeArm(folder: string): Promise<Answer> {
  const qemu = locate("Debian's qemu-user, and for its libraries libc6:arm64 and libstdc++6:arm64; QEMU_ARM64 says where", process.env.QEMU_ARM64, "/usr/bin/qemu-aarch64");
  return javascript(qemu, [await nodeForArm(), "--disable-wasm-trap-handler"], folder);
}

export const node = (major: 20 | 22 | 24 | 26) => (folder: string): Promise<Answer> => javascript(programOf(`node${major}`), [], folder);
export const bun = (folder: string): Promise<Answer> => javascript(programOf("bun"), [], folder);
export const deno = (folder: string): Promise<Answer> => javascript(programOf("deno"), ["run", "-A", "--no-lock", "--node-modules-dir=manual"], folder);

export async function workerd(folder: string): Promise<Answer> {
  const config = path.join(folder, "wrangler.json"), dist = (file: string) => path.join(root, "dist/targets/cloudflare", file), read = (file: string) => readFileSync(path.join(folder, file)), { models, trainings } = casesIn(folder);
  writeFileSync(config, JSON.stringify({ name: "engines", main: path.join(import.meta.dirname, "worker.js"), compatibility_date: "2026-10-01", alias: { "octavo/train": dist("train.js"), octavo: dist("index.js") } }));
  const form = ({ file }: Case) => Object.entries({ model: file, x: DATA.x, labels: DATA.labels }).reduce((f, [name, of]) => (f.append(name, new Blob([read(of)])), f), new FormData());
  const answers = (url: URL, bodies: (Uint8Array<ArrayBuffer> | FormData)[]) => inOrder(bodies, async (body) => (await fetch(url, { method: "POST", body })).text());
  const [digests, trained] = await withWorker(config, async (url) => [await answers(url, models.map(({ file }) => read(file))), await answers(url, trainings.map(form))]);
  return { version: workerdVersion(), results: { simd: digests! }, trained: { simd: trained! } };
}

async function inOrder<T>(items: readonly T[], answer: (item: T) => Promise<string>): Promise<string[]> {
  const found: string[] = [];
  for (const item of items) found.push(await answer(item));
  return found;
}

/** Runs a command of build/ with the folder of the cases as /models, and gives its standard output. */
type Wasi = (build: string, words: string[]) => Promise<string>;

async function wasiCommands(folder: string, wasi: Wasi, builds: Record<string, [run: string, train: string]>): Promise<Omit<Answer, "version">> {
  const { models, trainings } = casesIn(folder), results: Record<string, string[]> = {}, trained: Record<string, string[]> = {}, [x, y, out] = [DATA.x, DATA.labels, "trained.octavo"].map((file) => `/models/${file}`);
  for (const [build, [run, train]] of Object.entries(builds)) {
    results[build] = await inOrder(models, async ({ file }) => (await wasi(run, ["--self-test", `/models/${file}`])).trim());
    trained[build] = await inOrder(trainings, async ({ file }) => (await wasi(train, [`/models/${file}`, x!, y!, out!, ...WORDS]), digestOfFile(readFileSync(path.join(folder, "trained.octavo")))));
  }
  return { results, trained };
}

const bothBuilds: Record<string, [string, string]> = { scalar: ["run", "train"], simd: ["run-simd", "simd-train"] };

export async function nodeWasi(folder: string): Promise<Answer> {
  return { version: process.versions.node, ...(await wasiCommands(folder, (build, words) => Promise.resolve(wasiCommand(`octavo-${build}`, folder, new Uint8Array(0), ...words).text), bothBuilds)) };
}

export async function wasmtime(folder: string): Promise<Answer> {
  const python = locate("python3 -m venv with wasmtime from PyPI; PYTHON says where", process.env.PYTHON, path.join(tools, "py/bin/python")), script = path.join(import.meta.dirname, "wasmtime_run.py");
  const version = (await run(python, ["-c", "import importlib.metadata as m; print(m.version('wasmtime'))"])).trim();
  return { version, ...(await wasiCommands(folder, (build, words) => run(python, [script, commands(build), folder, ...words]), bothBuilds)) };
}

export async function wasmi(folder: string): Promise<Answer> {
  const program = locate("cargo install wasmi_cli; WASMI says where", process.env.WASMI, path.join(tools, "wasmi/bin/wasmi")), inFolder = (word: string) => word.replace(/^\/models/, folder);
  const wasi: Wasi = (build, words) => run(program, ["--dir", folder, commands(build), ...words.map(inFolder)]);
  return { version: /[\d.]+/.exec(await run(program, ["--version"]))![0], ...(await wasiCommands(folder, wasi, { scalar: bothBuilds.scalar! })) };
}
