/** The data sets of ../shared/data, as PyTorch's and Keras' side prepares them. */
import { readFileSync } from "node:fs";
import path from "node:path";

/** `read` writes sample `row` to `x` from `at` on. */
export interface Samples { count: number; size: number; labels: Uint8Array; read: (row: number, x: Float32Array, at: number) => void }

const shared = process.env.OCTAVO_SHARED ?? path.resolve(import.meta.dirname, "../../../shared");
const bytes = (file: string) => new Uint8Array(readFileSync(path.join(shared, "data", file)));

/** [3,32,32], x / 127.5 − 1 */
export function cifar(split: "train" | "test"): Samples {
  const u8 = bytes(`cifar10/${split}-images.u8`), labels = bytes(`cifar10/${split}-labels.u8`);
  return { count: labels.length, size: 3072, labels, read: (row, x, at) => { for (let c = 0; c < 3; c++) for (let p = 0; p < 1024; p++) x[at + c * 1024 + p] = Math.fround(u8[row * 3072 + p * 3 + c]! / 127.5) - 1; } };
}

/** [28,28], x / 255 */
export function digits(split: "train" | "test"): Samples {
  const u8 = bytes(`mnist/${split}-images.u8`), labels = bytes(`mnist/${split}-labels.u8`);
  return { count: labels.length, size: 784, labels, read: (row, x, at) => { for (let i = 0; i < 784; i++) x[at + i] = u8[row * 784 + i]! / 255; } };
}
