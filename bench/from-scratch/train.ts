/**
 * The seed networks from scratch in float32: the initial weights and the order of samples that reference.py wrote.
 * `node bench/from-scratch/train.ts cnn|lstm SEED FOLDER [MINUTES]`: stops after the epoch that MINUTES end in, and goes on
 * there when called again. results.ts has the rest.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { convert } from "../../converter/convert.ts";
import { writeWeights } from "../../converter/train/weights-file.ts";
import { trainSimd } from "../../targets/node/train-builds.ts";
import { Device } from "../../test/train/device.ts";
import type { Samples } from "./data.ts";
import { tasks, type TaskName } from "./tasks.ts";

const [name, seed, folder, minutes = "600"] = process.argv.slice(2) as [TaskName, string, string, string?];
const { file, data, hyper, batch, options } = tasks[name], at = (end: string) => path.join(folder, `${name}-${seed}${end}`);
const read = (end: string) => new Uint8Array(readFileSync(at(end)));

/** Mean loss of an epoch. The last batch may be smaller: the rows that it lacks count nothing. */
function epoch(device: Device, samples: Samples, rows: Int32Array): number {
  const { exports: e } = device, x = device.floats(e.octavo_train_input(0), batch * samples.size), labels = device.floats(e.octavo_train_labels(), batch), weights = device.floats(e.octavo_train_weights(), batch);
  let sum = 0;
  for (let from = 0; from < rows.length; from += batch) {
    const part = rows.subarray(from, from + batch);
    part.forEach((row, i) => { samples.read(row, x, i * samples.size); labels[i] = samples.labels[row]!; });
    weights.fill(0).fill(1 / part.length, 0, part.length);
    const loss = e.octavo_train_step();
    if (Number.isNaN(loss)) throw new Error(`NaN in step ${from / batch}`);
    sum += loss * part.length;
  }
  return sum / rows.length;
}

const { model } = await convert(read(file), { ...options, precision: "float32", trainable: "all", trainBatch: batch, optimizer: hyper.optimizer });
const device = new Device(model, trainSimd), { exports: e, info } = device, state = new Uint8Array(e.memory.buffer, e.octavo_train_state(), e.octavo_train_state_bytes());
const train = data("train"), order = new Int32Array(read(".order.i32").buffer), epochs = order.length / train.count, start = performance.now();
device.setHyper(hyper);
let done = 0;
if (existsSync(at(".state"))) {
  const saved = read(".state");
  done = saved[0]!;
  state.set(saved.subarray(1));
}
for (; done < epochs && performance.now() - start < 60_000 * Number(minutes); done++) {
  const loss = epoch(device, train, order.subarray(done * train.count, (done + 1) * train.count));
  console.log(`${name} seed ${seed} epoch ${done + 1}: loss ${loss.toFixed(4)}, ${((performance.now() - start) / 1000).toFixed(0)} s`);
  writeFileSync(at(".state"), Buffer.concat([Uint8Array.of(done + 1), state]));
}
writeFileSync(at(".safetensors"), writeWeights(Object.fromEntries(info.parameters.map((p) => [p.name, { shape: p.shape, data: device.parameter(p.name).slice() }]))));
