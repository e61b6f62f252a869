/** node:wasi: `COMMAND.wasm FOLDER INPUT.npy OUTPUT.npy TIMES`, FOLDER of model.octavo; prints the shortest milliseconds from instantiation to exit. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [command, folder, input, output, count] = process.argv.slice(2) as [string, string, string, string, string], module = new WebAssembly.Module(readFileSync(command)), times: number[] = [];
for (let i = 0; i < Number(count); i++) {
  const stdin = openSync(input, "r"), stdout = openSync(output, "w"), start = performance.now();
  const wasi = new WASI({ version: "preview1", args: ["octavo-run", "/m/model.octavo"], preopens: { "/m": folder }, stdin, stdout, returnOnExit: true });
  wasi.start(new WebAssembly.Instance(module, wasi.getImportObject() as WebAssembly.Imports));
  times.push(performance.now() - start);
  for (const file of [stdin, stdout]) closeSync(file);
}
console.log(Math.min(...times));
