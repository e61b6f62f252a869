// After tsc: the command line becomes executable, and compiled modules stand where Workers import them.
import { chmodSync, cpSync, existsSync, mkdirSync } from "node:fs";

const bin = "dist/targets/cli/octavo.js";
if (existsSync(bin)) chmodSync(bin, 0o755);
mkdirSync("dist/build", { recursive: true });
for (const file of ["simd.wasm", "octavo-run.wasm", "octavo-run-simd.wasm"]) cpSync(`build/${file}`, `dist/build/${file}`);
