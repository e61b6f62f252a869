/** From nothing to the first answer: a fresh browser profile per page, a fresh process per program; contenders in turn, round by round. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import type { ConsoleMessage } from "playwright-core";
import { root } from "../scripts/engines/tools.ts";
import { launch } from "../test/packaging/project.ts";
import { serve } from "./serve.ts";

/** Milliseconds; `wasmBytes`: linear memory after the answer; `shipped`: gzip bytes of the code that the page fetched. */
export interface Cold { ms: number; medianMs: number; wasmBytes: number; shipped: number }
/** A page's script, which ends with tell(); `model`: file that the page preloads; `harness`: the script is ours and not what an application ships. */
export interface ColdPage { script: string; model?: string; harness?: boolean }

const dist = (file: string) => path.join(root, "dist/targets", file);

async function scriptOf(entry: string, model = ""): Promise<string> {
  const entryPoints = [path.join(import.meta.dirname, "cold", entry)], alias = { octavo: dist("browser/index.js") }, define = { MODEL: JSON.stringify(`files/${model}`) };
  return (await build({ entryPoints, alias, define, bundle: true, minify: true, write: false, format: "esm", target: "es2022" })).outputFiles[0]!.text;
}

/** The empty page and ours; `model` lies in the folder that is served as `files`. */
export const ourPages = async (model: string): Promise<Record<"empty" | "octavo", ColdPage>> => ({ empty: { script: await scriptOf("empty.ts") }, octavo: { script: await scriptOf("octavo.ts", model), model } });

/** What a user of the package writes, on the built package; put into `folder`, where `model` is. */
export function ourProgram(folder: string, model: string): string {
  const script = path.join(folder, "cold-octavo.mjs");
  writeFileSync(script, `import { load } from ${JSON.stringify(pathToFileURL(dist("node/index.js")).href)};
const model = await load(${JSON.stringify(path.join(folder, model))});
model.run(new Float32Array(model.inputs[0].shape.reduce((n, d) => n * d, 1)));
`);
  return script;
}

const PATIENCE_MS = 60_000;
const summary = (times: number[]) => ({ ms: Math.min(...times), medianMs: times.sort((a, b) => a - b)[times.length >> 1]! });

/** @param head goes into every page before its script · @param folders served by the first part of the path */
export async function coldPages(pages: Record<string, ColdPage>, folders: Record<string, string>, rounds: number, head = ""): Promise<Record<string, Cold>> {
  const names = Object.keys(pages), texts: Record<string, string> = {}, times = names.map(() => [] as number[]), memory = names.map(() => 0), shipped = names.map(() => 0);
  names.forEach((name, i) => {
    const { script, model } = pages[name]!, preload = model ? `<link rel="preload" href="files/${model}" as="fetch" crossorigin>` : "";
    texts[`${i}.js`] = script;
    texts[`${i}.html`] = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>cold</title>${preload}${head}<script type="module" src="${i}.js"></script>`;
  });
  const { url, server, sent } = await serve(folders, texts);
  for (let round = 0; round < rounds; round++) for (const [i, name] of names.entries()) {
    sent.clear();
    const browser = await launch();
    try {
      const page = await browser.newPage(), isTold = (m: ConsoleMessage) => m.text().startsWith("cold ");
      const [told] = await Promise.all([page.waitForEvent("console", { predicate: isTold, timeout: PATIENCE_MS }), page.goto(`${url}${i}.html`, { waitUntil: "commit" })]);
      const [, ms, wasmBytes] = told.text().split(" ").map(Number);
      times[i]!.push(ms!);
      memory[i] = wasmBytes!;
      const code = [...sent].filter(([path]) => /\.(js|mjs|wasm)$/.test(path) && !(pages[name]!.harness && path === `${i}.js`));
      shipped[i] = code.reduce((n, [, body]) => n + gzipSync(body, { level: 9 }).length, 0);
    } finally {
      await browser.close();
    }
  }
  server.close();
  return Object.fromEntries(names.map((name, i) => [name, { ...summary(times[i]!), wasmBytes: memory[i]!, shipped: shipped[i]! }]));
}

/** Programs with their arguments, from spawn to exit. */
export function coldProcesses(commands: Record<string, string[]>, rounds: number): Record<string, { ms: number; medianMs: number }> {
  const times: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) for (const [name, [program, ...words]] of Object.entries(commands)) {
    const start = performance.now(), { status, stderr } = spawnSync(program!, words, { encoding: "utf8" });
    if (status !== 0) throw new Error(`${name}: ${stderr}`);
    (times[name] ??= []).push(performance.now() - start);
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, summary(list)]));
}
