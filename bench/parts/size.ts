/** `--size`: bytes of what ships. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { root } from "../../scripts/engines/tools.ts";
import type { Figures, Part } from "../figures.ts";

const modules = ["scalar", "simd", "relaxed", "octavo-run", "octavo-run-simd"];
const gzip = (bytes: Uint8Array) => gzipSync(bytes, { level: 9 }).length;

export const size: Part = {
  name: "size", better: "less", tolerance: 0.01,
  async measure() {
    const stdin = { contents: `export { load } from "./dist/targets/browser/index.js";`, resolveDir: root };
    const app = (await build({ stdin, bundle: true, minify: true, write: false, format: "esm", target: "es2022" })).outputFiles[0]!.contents;
    const figures: Figures = { "SDK with simd as a bundler emits it": app.length, "SDK with simd as a bundler emits it, gzip": gzip(app) };
    for (const name of modules) {
      const bytes = readFileSync(path.join(root, `build/${name}.wasm`));
      figures[`${name}.wasm`] = bytes.length;
      figures[`${name}.wasm, gzip`] = gzip(bytes);
    }
    console.log(`\n${Object.entries(figures).map(([name, bytes]) => `${name.padEnd(48)}${bytes.toLocaleString("en").padStart(10)} bytes`).join("\n")}`);
    return figures;
  },
};
