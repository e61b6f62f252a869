/** The plain kernels, as a scalar build: hosts run faster forms of some, which have to return the same bytes. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fillTables } from "../../scripts/tables.mjs";
import { compiledBuild, type Build } from "../../sdk/build.ts";

const root = path.resolve(import.meta.dirname, "../..");

function compiledReference(): Build {
  const folder = mkdtempSync(path.join(os.tmpdir(), "octavo-reference-")), file = path.join(folder, "reference.wasm"), options = ["--use", "abort=", "--use", "Lane=f32", "--use", "REFERENCE=1", "--optimizeLevel", "1"];
  execFileSync(process.execPath, [path.join(root, "node_modules/assemblyscript/bin/asc.js"), "assembly/index.ts", "--target", "scalar", ...options, "--outFile", file], { cwd: root, stdio: "inherit" });
  fillTables(file);
  const module = new WebAssembly.Module(readFileSync(file));
  rmSync(folder, { recursive: true });
  return compiledBuild("scalar", module);
}

export const reference = compiledReference();
