/** The runs, each in one process of its own: a page in Chromium, the same without AVX-VNNI, and Node 26. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { programOf, root } from "../../scripts/engines/tools.ts";
import { launch } from "../../test/packaging/project.ts";
import { packages } from "./packages.ts";
import type { Options, Timings } from "./rounds.ts";
import { serve } from "../serve.ts";

export interface Run { version: string; timings: Timings }
const dist = (file: string) => path.join(root, "dist/targets", file);

/** One of our entries with the built SDK inside. */
async function bundled(entry: string, platform: "browser" | "node"): Promise<string> {
  const node = platform === "node", alias = { octavo: dist(`${platform}/index.js`), "octavo/relaxed": dist(node ? "node/index.js" : "relaxed.js") };
  const { outputFiles } = await build({ entryPoints: [path.join(import.meta.dirname, entry)], bundle: true, minify: true, write: false, format: "esm", platform, target: "es2022", alias });
  return outputFiles[0]!.text;
}

/** LiteRT.js imports a package by its bare name. */
export const importMap = `<script type="importmap">{ "imports": { "@litertjs/wasm-utils": "/packages/@litertjs/wasm-utils/dist/index.js" } }</script>`;
export const pageOf = (script: string): string => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>bench</title>${importMap}<script type="module" src="/${script}"></script>`;

/** V8 then multiplies bytes as on a processor without AVX-VNNI, as most of those before 2023 are. */
export const WITHOUT_VNNI: readonly string[] = ["--js-flags=--no-enable-avx-vnni"];

export async function inChromium(files: string, names: readonly string[], options: Options, words: readonly string[] = []): Promise<Run> {
  const { url, server } = await serve({ packages, files }, { "page.html": pageOf("page.js"), "page.js": await bundled("page.ts", "browser") }), browser = await launch(words);
  try {
    const page = await browser.newPage();
    await page.goto(`${url}page.html`);
    await page.waitForFunction("globalThis.race");
    const timings = await page.evaluate(`race(${JSON.stringify(names)}, ${JSON.stringify(options)})`) as Timings;
    return { version: browser.version(), timings };
  } finally {
    await browser.close();
    server.close();
  }
}

export async function inNode(files: string, names: readonly string[], options: Options): Promise<Run> {
  const script = path.join(files, "node.mjs"), program = programOf("node26");
  writeFileSync(script, await bundled("node.ts", "node"));
  const output = execFileSync(program, [script, JSON.stringify({ packages, files, names, options })], { encoding: "utf8", maxBuffer: 1 << 26, stdio: ["ignore", "pipe", "ignore"] });
  return { version: execFileSync(program, ["--version"], { encoding: "utf8" }).trim().slice(1), timings: JSON.parse(output.trim().split("\n").at(-1)!) as Timings };
}
