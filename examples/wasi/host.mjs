// Node: the reactor through node:wasi. node host.mjs KERNELS.wasm MODEL.octavo < INPUT.f32 > OUTPUT.f32 (raw float32, one sample)
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [kernels, path] = process.argv.slice(2), file = readFileSync(path), input = readFileSync(0);
const wasi = new WASI({ version: "preview1" });
const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(kernels)), {});
wasi.initialize(instance); // the reactor imports nothing; this calls _initialize
const o = instance.exports;

const at = o.octavo_alloc(file.length);
if (!at) throw new Error("no memory for the model");
new Uint8Array(o.memory.buffer).set(file, at);
if (o.octavo_load(at, file.length)) {
  const length = o.octavo_error(at, 256);
  throw new Error(`the model is refused: ${Buffer.from(o.memory.buffer, at, length).toString("ascii")}`);
}
const bytes = (kind) => {
  const io = file.readUInt32LE(40), end = io + file.readUInt32LE(44);
  for (let port = io; port < end; port += 32) if (file.readUInt32LE(port) === kind) return file.readUInt32LE(port + 12);
};
if (input.length !== bytes(0)) throw new Error(`the input has ${input.length} bytes, expected ${bytes(0)}`);
new Uint8Array(o.memory.buffer).set(input, o.octavo_input(0));
o.octavo_run();
process.stdout.write(Buffer.from(o.memory.buffer, o.octavo_output(0), bytes(1)));
