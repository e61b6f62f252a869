/**
 * Personalisation of ../shared/data/training/personalisation.json: int8 models fine-tuned as a device does it, against
 * PyTorch's float fine-tuning in the same batches. `node bench/personalisation.ts [A|B]`
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { convert } from "../converter/convert.ts";
import type { TypedArray } from "../converter/ir/graph.ts";
import { load } from "../targets/node/index.ts";
import { trainSimd } from "../targets/node/train-builds.ts";
import { Device, type Hyper } from "../test/train/device.ts";

const shared = process.env.OCTAVO_SHARED ?? path.resolve(import.meta.dirname, "../../shared");
const bytes = (file: string) => new Uint8Array(readFileSync(path.join(shared, file)));
const indices = (file: string) => new Int32Array(Uint8Array.from(bytes(file)).buffer);

interface Run { order: string; trained: string; optimizer: "sgd" | "adam"; lr: number; set?: string; results: Record<string, number>[] }
/** What training may take beyond inference, and the learning rate where it is another than the run's. */
interface Limits { memory?: number; rate?: number }
const LAST_RATE = 0.005;
interface Set { x: (i: number) => Float32Array; label: (i: number) => number; count: number }

/** CIFAR in the order of PyTorch, x / 127.5 − 1. */
function cifar(split: string): Set {
  const x = bytes(`data/cifar10/${split}-images.u8`), y = bytes(`data/cifar10/${split}-labels.u8`);
  return { count: y.length, label: (i) => y[i]!, x: (i) => Float32Array.from({ length: 3072 }, (_, k) => x[i * 3072 + (k % 1024) * 3 + Math.floor(k / 1024)]! / 127.5 - 1) };
}
const digits = (images: string, labels: Uint8Array): Set => {
  const x = bytes(images);
  return { count: x.length / 784, label: (i) => labels[i]!, x: (i) => Float32Array.from(x.subarray(i * 784, (i + 1) * 784), (v) => v / 255) };
};

async function accuracy(model: Uint8Array, set: Set, keep: (label: number) => boolean = () => true): Promise<number> {
  const loaded = await load(model);
  let right = 0, all = 0;
  for (let i = 0; i < set.count; i++) {
    if (!keep(set.label(i))) continue;
    const y = loaded.run(set.x(i)) as Float32Array;
    all++;
    if (y.indexOf(Math.max(...y)) === set.label(i)) right++;
  }
  return right / all;
}

async function personalise(base: string, run: Run, set: Set, precision: "int8" | "float32", { memory, rate = run.lr }: Limits): Promise<{ model: Uint8Array; seconds: number; info: string }> {
  const trainable = run.trained.startsWith("last") ? "last" : "all", samples = Array.from({ length: 200 }, (_, i) => ({ input: set.x(i) as TypedArray }));
  const { model, report } = await convert(bytes(`${base}/model.onnx`), { name: "model.onnx", precision, samples, ...(memory ? { trainMemory: memory } : { trainable }), optimizer: run.optimizer === "sgd" ? "momentum" : "adam" });
  const device = new Device(model, trainSimd), order = indices(`data/training/${run.order.split(" ")[0]}`), hyper: Hyper = { optimizer: run.optimizer === "sgd" ? "momentum" : "adam", learningRate: rate };
  device.setHyper(hyper);
  const start = performance.now(), size = set.x(0).length, x = new Float32Array(16 * size);
  for (let step = 0; step < 400; step++) {
    const rows = order.subarray(16 * step, 16 * step + 16);
    rows.forEach((row, i) => x.set(set.x(row), i * size));
    if (!Number.isFinite(device.gradient(x, Array.from(rows, set.label))) || !device.exports.octavo_train_update()) throw new Error(`NaN in step ${step}`);
  }
  const seconds = (performance.now() - start) / 1000, code = device.exports.octavo_commit();
  if (code) throw new Error(`commit: ${code}`);
  const committed = model.slice();
  committed.set(device.image());
  committed.fill(0, 96, 128);
  committed.set(new Uint8Array(await crypto.subtle.digest("SHA-256", committed)), 96);
  return { model: committed, seconds, info: `${(report.training!.memory.total / 1024).toFixed(0)} KB ${report.training!.layers.length} layers, parts of ${report.training!.part}` };
}

const task = JSON.parse(readFileSync(path.join(shared, "data/training/personalisation.json"), "utf8")) as Record<"A" | "B", { base: string; runs: Run[] }>, only = process.argv[2];
/** A budget at the rate of the run, and at that of the last layer's runs. */
const limitsOf = (run: Run, precision: string): Limits[] => (run.trained.startsWith("all") && precision === "int8" ? [{}, ...[run.lr, LAST_RATE].map((rate) => ({ memory: 262144, rate }))] : [{}]);
const show = (v: number) => (100 * v).toFixed(1).padStart(6);
for (const precision of ["int8", "float32"] as const) {
  if (!only || only === "A") {
    const train = cifar("train"), test = cifar("test");
    for (const run of task.A.runs) for (const limits of limitsOf(run, precision)) {
      const { model, seconds, info } = await personalise(task.A.base, run, train, precision, limits), want = run.results.at(-1)!;
      const got = [await accuracy(model, test, (l) => l >= 8), await accuracy(model, test, (l) => l < 8), await accuracy(model, test)];
      console.log(precision, "A", run.set, run.trained, run.optimizer, limits.memory ? `256 KB, rate ${limits.rate}:` : "", info, `${seconds.toFixed(1)} s`, "new, old, all:", got.map(show).join(" "), "PyTorch:", [want.new_classes!, want.old_classes!, want.all!].map(show).join(" "));
    }
  }
  if (!only || only === "B") {
    const labels = bytes("data/mnist/train-labels.u8"), testLabels = bytes("data/mnist/test-labels.u8"), train = digits("data/training/personal-B-train-images.u8", labels);
    const rotated = digits("data/training/personal-B-test-images.u8", testLabels), upright = digits("data/mnist/test-images.u8", testLabels);
    for (const run of task.B.runs) for (const limits of limitsOf(run, precision)) {
      const { model, seconds, info } = await personalise(task.B.base, run, train, precision, limits), want = run.results.at(-1)!;
      console.log(precision, "B", run.trained, run.optimizer, limits.memory ? `256 KB, rate ${limits.rate}:` : "", info, `${seconds.toFixed(1)} s`, "rotated, upright:", [await accuracy(model, rotated), await accuracy(model, upright)].map(show).join(" "), "PyTorch:", [want.rotated!, want.upright!].map(show).join(" "));
    }
  }
}
