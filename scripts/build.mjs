// assembly → nine builds (asc, tables, wasm-opt) → sdk/generated/*.ts: the modules as base64 in JavaScript.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { fillTables } from "./tables.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const tool = (name, ...args) => execFileSync(process.execPath, [path.join(root, "node_modules", name), ...args], { cwd: root, stdio: "inherit" });
const simd = ["--enable-simd"];
const builds = {
  scalar: { entry: "assembly/index.ts", enabled: [], embedded: true },
  simd: { entry: "assembly/index.ts", enabled: simd, embedded: true },
  relaxed: { entry: "assembly/index.ts", enabled: [...simd, "--enable-relaxed-simd"], embedded: true },
  "scalar-train": { entry: "assembly/train.ts", enabled: [], embedded: true },
  "simd-train": { entry: "assembly/train.ts", enabled: simd, embedded: true },
  "octavo-run": { entry: "targets/wasi/command.ts", enabled: [], embedded: false },
  "octavo-run-simd": { entry: "targets/wasi/command.ts", enabled: simd, embedded: false },
  "octavo-train": { entry: "targets/wasi/train-command.ts", enabled: [], embedded: false },
  "octavo-simd-train": { entry: "targets/wasi/train-command.ts", enabled: simd, embedded: false },
};
const wanted = process.argv.slice(2);

mkdirSync(path.join(root, "build"), { recursive: true });
mkdirSync(path.join(root, "sdk/generated"), { recursive: true });
for (const [build, { entry, enabled, embedded }] of Object.entries(builds)) {
  if (wanted.length && !wanted.includes(build)) continue;
  const file = path.join(root, "build", `${build}.wasm`);
  tool("assemblyscript/bin/asc.js", entry, "--target", build);
  fillTables(file);
  tool("binaryen/bin/wasm-opt", file, "-o", file, "--enable-bulk-memory", "--enable-mutable-globals", "--enable-sign-ext", "--enable-nontrapping-float-to-int", ...enabled,
    "-Oz", "--const-hoisting", "--memory-packing", "--remove-unused-module-elements", "--reorder-functions", "--strip-debug", "--strip-producers");
  if (embedded) writeFileSync(path.join(root, "sdk/generated", `${build}.ts`), `/** The ${build} build of assembly/, as base64. Made by scripts/build.mjs. */\nexport const base64: string =\n  "${readFileSync(file).toString("base64")}";\n`);
  console.log(`${build}.wasm ${statSync(file).size} bytes`);
}
