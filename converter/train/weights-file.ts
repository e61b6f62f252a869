/** Trained parameters as a safetensors file, so that other tools read them as well. */
import { modelError } from "../ir/error.ts";
import { readSafetensors, writeSafetensors } from "../formats/wire/safetensors.ts";
import type { Weights } from "./weights.ts";

type Shaped = Record<string, { shape: number[]; data: Float32Array }>;

/** @param weights as `trainer.parameters()` gives them */
export const writeWeights = (weights: Shaped): Uint8Array =>
  writeSafetensors(new Map(Object.entries(weights).map(([name, { shape, data }]) => [name, { dtype: "F32", shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }])));

/** For the option `weights` of `convert`. @throws OctavoError ERR_OCTAVO_FORMAT, ERR_OCTAVO_DTYPE */
export function readWeights(file: Uint8Array): Weights {
  return Object.fromEntries([...readSafetensors(file, "weights")].map(([name, { dtype, shape, bytes }]) => {
    if (dtype !== "F32") throw modelError("ERR_OCTAVO_DTYPE", "weights", `tensor "${name}"`, `its type is ${dtype}, expected F32`, "Pass the file that octavo train --weights wrote.");
    return [name, { shape, data: new Float32Array(bytes.slice().buffer) }];
  }));
}
