// Node: fine-tuning through the reactor. node train.mjs TRAIN-KERNELS.wasm MODEL.octavo OUT.octavo LABEL… < SAMPLES.f32 (raw float32, a sample per label)
import { readFileSync, writeFileSync } from "node:fs";

const STEPS = 20, LEARNING_RATE = 0.01, HASH = 96, HASH_BYTES = 32;
const [kernels, path, out, ...labels] = process.argv.slice(2), file = readFileSync(path), samples = readFileSync(0);
const o = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(kernels)), {}).exports;
const check = (code, what) => { if (code) throw new Error(`${what}: code ${code}`); };

const at = o.octavo_alloc(file.length);
new Uint8Array(o.memory.buffer).set(file, at);
check(o.octavo_load(at, file.length), "the model is refused");
check(o.octavo_train_start(), "the model does not train: convert it with --trainable");
const rows = o.octavo_train_batch(), size = samples.length / labels.length;

/** Samples from number `first` on, as many as are taken at a time; used up by the next call. Rows that are missing stay zero and count nothing. */
function give(first) {
  const { buffer } = o.memory, own = labels.slice(first, first + rows).map(Number);
  new Uint8Array(buffer, o.octavo_train_input(0), size * rows).fill(0).set(samples.subarray(size * first, size * (first + rows)));
  new Float32Array(buffer, o.octavo_train_labels(), rows).fill(0).set(own);
  new Float32Array(buffer, o.octavo_train_weights(), rows).fill(0).fill(1 / labels.length, 0, own.length);
}

new DataView(o.memory.buffer).setFloat32(o.octavo_train_hyper() + 4, LEARNING_RATE, true);
for (let step = 0; step < STEPS; step++) {
  let loss = 0;
  for (let first = 0; first < labels.length; first += rows) {
    give(first);
    loss += o.octavo_train_gradient(); // added to those of the samples before
  }
  check(!Number.isFinite(loss) || !o.octavo_train_update(), "loss or gradients are not finite");
  console.error(`step ${step}: loss ${loss}`);
}
check(o.octavo_commit(), "the trained model is refused");

// The model of now replaces the first bytes of the file; its hash is computed with its own bytes zero, in memory that is grown for that.
file.set(new Uint8Array(o.memory.buffer, at, o.octavo_save()));
file.fill(0, HASH, HASH + HASH_BYTES);
const room = o.memory.buffer.byteLength;
o.memory.grow(Math.ceil((file.length + HASH_BYTES) / 65536));
new Uint8Array(o.memory.buffer).set(file, room);
o.octavo_sha256(room, file.length, room + file.length);
file.set(new Uint8Array(o.memory.buffer, room + file.length, HASH_BYTES), HASH);
writeFileSync(out, file);
