/**
 * octavo-train model.octavo x.npy labels.npy out.octavo [--epochs N] …: a WASI preview 1 command. AssemblyScript.
 * The same bytes as trainer.fit, commit and save of octavo/train. Samples are read where the order of an epoch wants them: in
 * memory are the model, its training memory and the order. Exit: 0 done, 1 input or model at fault, 2 usage.
 */
import { octavo_alloc, octavo_load } from "../../assembly/index";
import { BASE, reserve } from "../../assembly/memory";
import { header } from "../../assembly/model";
import { octavo_commit, octavo_sha256, octavo_train_gradient, octavo_train_start, octavo_train_update } from "../../assembly/train";
import { Training, batchInput, batchOf, training } from "../../assembly/train/training";
import { dataStart, elementAt, elementBytes, elementType, isFloat32, readHeader } from "./npy";
import { shuffle } from "./shuffle";
import { say, sayLine, sayNumber } from "./text";
import * as options from "./train-options";
import { argument, createFile, exit, finishFile, lengthOf, openFile, readAt, readModel, writeFully } from "./wasi";

export * from "../../assembly/functions";
export * from "../../assembly/registry";
export * from "../../assembly/registry.train";
export { tableSizes } from "../../assembly/tables";

const HASH: usize = 96, SUFFIX: i32 = 5;
const path = memory.data(1024);

/** An .npy on disk: values of one sample are `bytes` from `start` on. */
let x: i32 = -1, xStart: i64 = 0, xBytes: i32 = 0;
let labels: i32 = -1, labelStart: i64 = 0, labelType: i32 = 0, labelSize: i32 = 0;
/** Classes of index labels, 0 where labels are values. */
let classes: i32 = 0;
let samples: u32 = 0;
/** Behind the training memory: u32 [samples], then the labels of one sample as the file has them. */
let order: usize = 0, row: usize = 0;

export function _start(): void {
  if (!options.readOptions()) return usage();
  const file = openFile(options.model);
  if (file < 0) return fail("the model cannot be opened; is its folder given to the host (--dir)? ", options.model);
  const length = readModel(file);
  if (length < 0) return fail("the host gives no memory for the model ", options.model);
  if (octavo_load(BASE, length)) return fail("the file is no valid model file. Convert it again: ", options.model);
  if (octavo_train_start()) return fail("the model holds no training programs. Convert it again with --trainable: ", options.model);
  openData();
  setHyper(changetype<Training>(training()).state);
  for (let epoch = 0; epoch < options.epochs; epoch++) report(epoch, trainEpoch(epoch));
  if (octavo_commit()) return fail("the trained model is refused. Convert it again: ", options.model);
  write(file);
}

function usage(): void {
  sayLine("usage: octavo-train model.octavo x.npy labels.npy out.octavo [--epochs 1] [--learning-rate R] [--optimizer NAME] [--momentum M]");
  sayLine("  [--weight-decay W] [--clip-norm C] [--batch N] [--accumulate N] [--seed 0]; not understood: ", argument(options.wrong));
  exit(2);
}

function fail(message: string, word: usize = 0): void {
  say("octavo-train: ");
  sayLine(message, word);
  exit(1);
}

function report(epoch: i32, loss: f64): void {
  say("epoch ");
  sayNumber(<f64>(epoch + 1), 0);
  say(": loss ");
  sayNumber(loss);
  say("\n");
}

/** Opens both arrays and finds out how many samples they hold. */
function openData(): void {
  const t = changetype<Training>(training()), part = <i32>t.part;
  if (t.inputs != 1) return fail("the model has several inputs, expected one: ", options.model);
  x = openFile(options.data);
  const values = x < 0 ? -1 : readHeader(x);
  xStart = dataStart;
  xBytes = <i32>load<u32>(batchInput(t, 0), 4) / part;
  const count = values / <f64>(xBytes / 4);
  if (values < 1 || !isFloat32() || count != floor(count) || count > 2147483647) return fail("expected a C-ordered float32 .npy of whole samples of this model: ", options.data);
  samples = <u32>count;
  labels = openFile(options.labels);
  labelSize = <i32>t.labelsBytes / 4 / part;
  classes = <i32>t.classes;
  if (labels < 0 || readHeader(labels) != count * <f64>labelSize) return fail("expected a C-ordered .npy with the labels of every sample: ", options.labels);
  labelStart = dataStart;
  labelType = elementType();
  if (labelType < 0) return fail("expected elements of float32, float64, int8, uint8, int32 or int64, little-endian: ", options.labels);
  order = t.end;
  row = order + 4 * samples;
  if (!reserve(row + labelSize * 8)) fail("the host gives no memory for the order of samples");
}

/** The struct of docs/training.md: the file's own optimizer and defaults, or what the options say. */
function setHyper(hyper: usize): void {
  const own = load<i32>(hyper), optimizer = options.optimizer < 0 ? own : options.optimizer, slots = optimizer == 0 ? 0 : optimizer == 3 || optimizer == 4 ? 2 : 1;
  if (<u32>slots > changetype<Training>(training()).slots) return fail("the file reserves no memory for the state of this optimizer. Convert it again with --optimizer");
  store<i32>(hyper, optimizer);
  set(hyper + 4, options.learningRate, optimizer < 5 ? 0.001 : 0.01);
  set(hyper + 8, options.momentum, optimizer == 0 || optimizer > 4 ? 0 : 0.9);
  store<f32>(hyper + 12, optimizer == 6 ? 0.99 : slots == 2 ? 0.999 : 0);
  store<f32>(hyper + 16, optimizer < 3 ? 0 : optimizer == 5 ? 1e-10 : 1e-8);
  set(hyper + 20, options.weightDecay, optimizer == 4 ? 0.01 : 0);
  set(hyper + 24, options.clipNorm, 0);
  store<f64>(hyper + 40, 1);
  store<f64>(hyper + 48, 1);
}

function set(at: usize, given: f64, otherwise: f64): void {
  store<f32>(at, <f32>(given < 0 ? otherwise : given));
}

/** The mean loss. */
function trainEpoch(epoch: i32): f64 {
  const t = changetype<Training>(training()), size = options.batchSize ? <u32>options.batchSize : batchOf(t), batches = (samples + size - 1) / size, group = <u32>options.accumulate;
  if (size > batchOf(t)) fail("--batch is larger than the batch of the file. Use --accumulate");
  let sum: f64 = 0;
  shuffle(order, samples, options.seed, epoch);
  for (let b: u32 = 0; b < batches; b++) {
    const first = b - b % group, end = min(first + group, batches), total = <f64>(min(end * size, samples) - first * size);
    for (let from = b * size, rest = min(size, samples - from); rest > 0; from += t.part, rest -= min(rest, t.part)) sum += total * gradientOf(t, from, min(rest, t.part), total);
    if (b + 1 == end && !octavo_train_update()) fail("a gradient is not finite. Nothing was written. Lower --learning-rate, and look for inputs that are not finite");
  }
  return sum / <f64>samples;
}

/** Forward and backward of a part of a batch: its loss. */
function gradientOf(t: Training, from: u32, rows: u32, total: f64): f64 {
  fillPart(t, from, rows, total);
  const loss = octavo_train_gradient();
  if (!isFinite(loss)) fail("the loss is not finite. Nothing was written. Lower --learning-rate, and look for inputs that are not finite");
  return loss;
}

/** Samples order[from], … become the first `rows` rows of the part; the rest is zero and counts nothing. */
function fillPart(t: Training, from: u32, rows: u32, total: f64): void {
  const input = load<usize>(batchInput(t, 0)), weight = <f32>(1 / total);
  for (let r: u32 = 0; r < rows; r++) {
    const n = load<u32>(order + 4 * (from + r));
    if (!readAt(x, xStart + <i64>n * xBytes, input + r * xBytes, xBytes)) fail("the file ends before its last sample: ", options.data);
    readLabels(n, t.labels + 4 * r * labelSize);
    store<f32>(t.weights + 4 * r, weight);
  }
  memory.fill(input + rows * xBytes, 0, (t.part - rows) * xBytes);
  memory.fill(t.labels + 4 * rows * labelSize, 0, 4 * (t.part - rows) * labelSize);
  memory.fill(t.weights + 4 * rows, 0, 4 * (t.part - rows));
}

function readLabels(n: u32, to: usize): void {
  const size = elementBytes(labelType);
  if (!readAt(labels, labelStart + <i64>n * labelSize * size, row, labelSize * size)) fail("the file ends before its last label: ", options.labels);
  for (let i = 0; i < labelSize; i++) {
    const v = elementAt(labelType, row + i * size);
    if (classes ? !(v >= 0 && v < <f64>classes && v == floor(v)) : !isFinite(v)) fail("a label is no class of this model: ", options.labels);
    store<f32>(to + 4 * i, <f32>v);
  }
}

/** The model of now and the metadata of its file, sealed, behind the training memory; then on disk, whole or not at all. */
function write(file: i32): void {
  const at = order, length = header.fileBytes, image = header.imageBytes, name = lengthOf(options.output);
  if (!reserve(at + length + 32)) return fail("the host gives no memory for the trained model");
  memory.copy(at, BASE, image);
  if (!readAt(file, image, at + image, length - image)) return fail("the model cannot be read again: ", options.model);
  memory.fill(at + HASH, 0, 32);
  octavo_sha256(at, length, at + length);
  memory.copy(at + HASH, at + length, 32);
  if (name + SUFFIX >= 1024) return fail("the path is too long: ", options.output);
  memory.copy(path, options.output, name);
  store<u64>(path + name, 0x74726170_2e); // .part
  const out = createFile(path);
  if (out < 0 || !writeFully(out, at, length) || !finishFile(out, SUFFIX)) fail("the file cannot be written: ", options.output);
}
