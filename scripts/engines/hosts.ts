/** Engines without a page: JavaScript runtimes, workerd, and hosts of the WASI command. */
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { WASI } from "node:wasi";
import type { Case } from "./cases.ts";
import { locate, nodeForArm, programOf, root, run, tools } from "./tools.ts";
import { withWorker, workerdVersion } from "./wrangler.ts";

export interface Answer { version: string; results: Record<string, string[]> }
const casesIn = (folder: string): Case[] => JSON.parse(readFileSync(path.join(folder, "cases.json"), "utf8")) as Case[];
const runner = path.join(import.meta.dirname, "runner.mjs"), sdk = path.join(root, "dist/targets/node/index.js"), command = path.join(root, "build/octavo-run.wasm");

async function javascript(program: string, words: string[], folder: string): Promise<Answer> {
  const version = /[\d.]+/.exec(await run(program, [...words.filter((w) => path.isAbsolute(w)), "--version"]))![0];
  return { version, results: JSON.parse(await run(program, [...words, runner, sdk, folder])) as Answer["results"] };
}

/** ARM code of Node, instruction by instruction in qemu-user. */
export async function nodeArm(folder: string): Promise<Answer> {
  const qemu = locate("Debian's qemu-user, and for its libraries libc6:arm64 and libstdc++6:arm64; QEMU_ARM64 says where", process.env.QEMU_ARM64, "/usr/bin/qemu-aarch64");
  return javascript(qemu, [await nodeForArm()], folder);
}

export const node = (major: 20 | 22 | 24 | 26) => (folder: string): Promise<Answer> => javascript(programOf(`node${major}`), [], folder);
export const bun = (folder: string): Promise<Answer> => javascript(programOf("bun"), [], folder);
export const deno = (folder: string): Promise<Answer> => javascript(programOf("deno"), ["run", "-A", "--no-lock", "--node-modules-dir=manual"], folder);

export async function workerd(folder: string): Promise<Answer> {
  const config = path.join(folder, "wrangler.json");
  writeFileSync(config, JSON.stringify({ name: "engines", main: path.join(import.meta.dirname, "worker.js"), compatibility_date: "2026-10-01", alias: { octavo: path.join(root, "dist/targets/cloudflare/index.js") } }));
  const simd = await withWorker(config, async (url) => {
    const digests: string[] = [];
    for (const { file } of casesIn(folder)) digests.push(await (await fetch(url, { method: "POST", body: readFileSync(path.join(folder, file)) })).text());
    return digests;
  });
  return { version: workerdVersion(), results: { simd } };
}

export function nodeWasi(folder: string): Promise<Answer> {
  const digests = (build: string) => casesIn(folder).map(({ file }) => selfTest(path.join(root, `build/${build}.wasm`), folder, file));
  return Promise.resolve({ version: process.versions.node, results: { scalar: digests("octavo-run"), simd: digests("octavo-run-simd") } });
}

function selfTest(module: string, folder: string, file: string): string {
  const out = path.join(folder, "node-wasi.out"), stdout = openSync(out, "w");
  const wasi = new WASI({ version: "preview1", args: ["octavo-run", "--self-test", `/models/${file}`], preopens: { "/models": folder }, stdout, returnOnExit: true });
  wasi.start(new WebAssembly.Instance(new WebAssembly.Module(readFileSync(module)), wasi.getImportObject() as WebAssembly.Imports));
  closeSync(stdout);
  return readFileSync(out, "utf8").trim();
}

export async function wasmtime(folder: string): Promise<Answer> {
  const python = locate("python3 -m venv with wasmtime from PyPI; PYTHON says where", process.env.PYTHON, path.join(tools, "py/bin/python")), script = path.join(import.meta.dirname, "wasmtime_run.py");
  const one = async (module: string) => JSON.parse(await run(python, [script, module, folder])) as { version: string; digests: string[] };
  const scalar = await one(command), simd = await one(command.replace("run.wasm", "run-simd.wasm"));
  return { version: scalar.version, results: { scalar: scalar.digests, simd: simd.digests } };
}

export async function wasmi(folder: string): Promise<Answer> {
  const program = locate("cargo install wasmi_cli; WASMI says where", process.env.WASMI, path.join(tools, "wasmi/bin/wasmi")), scalar: string[] = [];
  for (const { file } of casesIn(folder)) scalar.push((await run(program, ["--dir", folder, command, "--self-test", path.join(folder, file)])).trim());
  return { version: /[\d.]+/.exec(await run(program, ["--version"]))![0], results: { scalar } };
}
