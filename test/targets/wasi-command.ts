/** The WASI command in node:wasi, with `folder` as /models. */
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { WASI } from "node:wasi";

const root = path.resolve(import.meta.dirname, "../..");

export function wasiCommand(build: string, folder: string, input: Uint8Array, ...args: string[]): { code: number; out: Uint8Array; text: string; err: string } {
  const at = (name: string) => path.join(folder, name);
  writeFileSync(at("in"), input);
  const stdin = openSync(at("in"), "r"), stdout = openSync(at("out"), "w"), stderr = openSync(at("err"), "w");
  const wasi = new WASI({ version: "preview1", args: ["octavo-run", ...args], preopens: { "/models": folder }, stdin, stdout, stderr, returnOnExit: true });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path.join(root, `build/${build}.wasm`))), wasi.getImportObject() as WebAssembly.Imports);
  const code = wasi.start(instance) as unknown as number;
  for (const fd of [stdin, stdout, stderr]) closeSync(fd);
  const out = new Uint8Array(readFileSync(at("out")));
  return { code, out, text: String.fromCharCode(...out.subarray(0, 200)), err: readFileSync(at("err"), "utf8") };
}
