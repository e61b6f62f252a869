/** Inputs and reference outputs of ../shared/models/trained, as its README describes them. */
import { sharedBytes } from "./shared.ts";

export const floats = (path: string): Float32Array => new Float32Array(Uint8Array.from(sharedBytes(path)).buffer);
export const folder = (name: string): string => `models/trained/${name}`;
/** Files beside a model, for its side files. */
export const beside = (name: string) => async (path: string): Promise<Uint8Array> => sharedBytes(`${folder(name)}/${path}`);

/** x / 255 of the first MNIST test digits. */
export const digits = (count: number): Float32Array =>
  Float32Array.from(sharedBytes("data/mnist/test-images.u8").subarray(0, count * 784), (v) => v / 255);

/** x / 127.5 − 1 of the first CIFAR test images, [N,3,side,side], cropped in the centre. */
export function pictures(count: number, side = 32): Float32Array {
  const bytes = sharedBytes("data/cifar10/test-images.u8"), start = (32 - side) / 2, out = new Float32Array(count * 3 * side * side);
  for (let i = 0; i < out.length; i++) {
    const x = i % side, y = Math.floor(i / side) % side, c = Math.floor(i / side / side) % 3, n = Math.floor(i / side / side / 3);
    out[i] = bytes[n * 3072 + ((y + start) * 32 + x + start) * 3 + c]! / 127.5 - 1;
  }
  return out;
}

/** The first `count` inputs of a PyTorch model. */
export function inputsOf(name: string, count: number): Float32Array | Int32Array {
  if (name.startsWith("mnist")) return digits(count);
  if (/cnn|mobilenet/.test(name)) return pictures(count, name === "seed-cnn24" ? 24 : 32);
  if (name === "char-fill-bilstm") {
    return new Int32Array(Uint8Array.from(sharedBytes(`${folder(name)}/reference-input.i32`)).buffer).subarray(0, count * 31);
  }
  const all = floats(`${folder(name)}/reference-input.f32`);
  return all.subarray(0, (all.length / 64) * count);
}

export const referenceOf = (name: string, count: number, file = "reference-output.f32"): Float32Array => {
  const all = floats(`${folder(name)}/${file}`);
  return all.subarray(0, (all.length / 64) * count);
};
