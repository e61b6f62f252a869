/** Words behind octavo-train: four files and what is to be set. AssemblyScript. */
import { argument } from "./wasi";
import { isWord, numberOf } from "./text";

export let model: usize = 0, data: usize = 0, labels: usize = 0, output: usize = 0;
export let epochs: i32 = 1, batchSize: i32 = 0, accumulate: i32 = 1, seed: i32 = 0;
/** −1: the default. */
export let learningRate: f64 = -1, momentum: f64 = -1, weightDecay: f64 = -1, clipNorm: f64 = -1, optimizer: i32 = -1;

/** In the order of their numbers in Hyper. */
const optimizers: StaticArray<string> = ["sgd", "momentum", "nesterov", "adam", "adamw", "adagrad", "rmsprop"];

/** False: wrong usage; `argument(wrong)` is the word that is not understood. */
export let wrong: i32 = 0;

export function readOptions(): bool {
  let files = 0;
  for (let i = 1; argument(i); i++) {
    const word = argument(i);
    wrong = i;
    if (load<u16>(word) == 0x2d2d) {
      if (!argument(i + 1) || !option(word, argument(i + 1))) return false;
      i++;
    } else if (!file(files++, word)) return false;
  }
  return files == 4;
}

function file(i: i32, word: usize): bool {
  if (i == 0) model = word;
  else if (i == 1) data = word;
  else if (i == 2) labels = word;
  else output = word;
  return i < 4;
}

function option(name: usize, value: usize): bool {
  if (isWord(name, "--optimizer")) return (optimizer = optimizerOf(value)) >= 0;
  const n = numberOf(value);
  if (isWord(name, "--learning-rate")) return (learningRate = n) >= 0;
  if (isWord(name, "--momentum")) return (momentum = n) >= 0 && n < 1;
  if (isWord(name, "--weight-decay")) return (weightDecay = n) >= 0;
  if (isWord(name, "--clip-norm")) return (clipNorm = n) >= 0;
  if (!(n >= 0 && n < 2147483648 && n == floor(n))) return false;
  const whole = <i32>n;
  if (isWord(name, "--seed")) return (seed = whole) >= 0;
  if (isWord(name, "--epochs")) return (epochs = whole) > 0;
  if (isWord(name, "--batch")) return (batchSize = whole) > 0;
  return isWord(name, "--accumulate") && (accumulate = whole) > 0;
}

function optimizerOf(word: usize): i32 {
  for (let i = 0; i < optimizers.length; i++) if (isWord(word, optimizers[i])) return i;
  return -1;
}
