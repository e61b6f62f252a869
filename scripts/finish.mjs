// After tsc: the command line becomes executable, compiled modules stand where Workers import them, every entry is one file
// without bare imports, and every sub-path of the package is a file at its root too (Parcel does not read `exports`).
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { buildSync } from "esbuild";

const bin = "dist/targets/cli/octavo.js";
if (existsSync(bin)) chmodSync(bin, 0o755);
mkdirSync("dist/build", { recursive: true });
for (const file of ["simd.wasm", "scalar.wasm", "simd-train.wasm", "scalar-train.wasm", "octavo-run.wasm", "octavo-run-simd.wasm", "octavo-train.wasm", "octavo-simd-train.wasm"]) cpSync(`build/${file}`, `dist/build/${file}`);

/** One file instead of a dozen: Node imports it in 4 ms, not 10, and a page needs no import map. */
const flatten = (file, options) => buildSync({ entryPoints: [file], outfile: file, allowOverwrite: true, bundle: true, format: "esm", target: "es2022", minifySyntax: true, external: ["*.wasm", "*.wasm?module"], ...options });
for (const entry of ["index", "train"]) flatten(`dist/targets/node/${entry}.js`, { platform: "node", target: "node20", external: ["@assemblyscript/loader"] });
for (const entry of ["browser/index", "browser/train", "cloudflare/index", "cloudflare/train", "edge/index", "edge/train", "scalar", "relaxed", "image", "audio"]) flatten(`dist/targets/${entry}.js`, {});
// Names stay: what `octavo bundle` writes behind this text calls them.
flatten("dist/sdk/bundled.js", { outfile: "dist/bundled.js", minifyWhitespace: true });

for (const [name, target] of Object.entries(JSON.parse(readFileSync("package.json", "utf8")).exports)) {
  const path = name.slice(2), { types } = target.default?.types ? target.default : target;
  if (!path || !types) continue;
  const entry = types.replace(/\.d\.ts$/, ".js");
  for (const extension of [".js", ".d.ts"]) writeFileSync(`${path}${extension}`, `export * from "${entry}";\n`);
}
