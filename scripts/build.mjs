// assembly → nine builds (asc, tables, wasm-opt) → sdk/generated/*.ts: the modules as base64 in JavaScript.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { fillTables } from "./tables.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const tool = (name, ...args) => execFileSync(process.execPath, [path.join(root, "node_modules", name), ...args], { cwd: root, stdio: "inherit" });
const simd = ["--enable-simd"];
/** Constants in locals make a module smaller, but the base64 of one compresses better without: for builds that applications bundle. */
const compressed = ["--memory-packing"], smallest = ["--const-hoisting", "--memory-packing", "--reorder-functions"];
const builds = {
  scalar: { entry: "assembly/index.ts", enabled: [], passes: compressed, embedded: true },
  simd: { entry: "assembly/index.ts", enabled: simd, passes: compressed, embedded: true },
  relaxed: { entry: "assembly/index.ts", enabled: [...simd, "--enable-relaxed-simd"], passes: smallest, embedded: true },
  "scalar-train": { entry: "assembly/train.ts", enabled: [], passes: compressed, embedded: true },
  "simd-train": { entry: "assembly/train.ts", enabled: simd, passes: compressed, embedded: true },
  "octavo-run": { entry: "targets/wasi/command.ts", enabled: [], passes: smallest, embedded: false },
  "octavo-run-simd": { entry: "targets/wasi/command.ts", enabled: simd, passes: smallest, embedded: false },
  "octavo-train": { entry: "targets/wasi/train-command.ts", enabled: [], passes: smallest, embedded: false },
  "octavo-simd-train": { entry: "targets/wasi/train-command.ts", enabled: simd, passes: smallest, embedded: false },
};
const wanted = process.argv.slice(2);

mkdirSync(path.join(root, "build"), { recursive: true });
mkdirSync(path.join(root, "sdk/generated"), { recursive: true });
for (const [build, { entry, enabled, passes, embedded }] of Object.entries(builds)) {
  if (wanted.length && !wanted.includes(build)) continue;
  const file = path.join(root, "build", `${build}.wasm`);
  tool("assemblyscript/bin/asc.js", entry, "--target", build);
  fillTables(file);
  tool("binaryen/bin/wasm-opt", file, "-o", file, "--enable-bulk-memory", "--enable-mutable-globals", "--enable-sign-ext", "--enable-nontrapping-float-to-int", ...enabled,
    "-Oz", ...passes, "--remove-unused-module-elements", "--strip-debug", "--strip-producers");
  if (embedded) writeFileSync(path.join(root, "sdk/generated", `${build}.ts`), `/** The ${build} build of assembly/, as base64. Made by scripts/build.mjs. */\nexport const base64: string =\n  "${readFileSync(file).toString("base64")}";\n`);
  console.log(`${build}.wasm ${statSync(file).size} bytes`);
}
