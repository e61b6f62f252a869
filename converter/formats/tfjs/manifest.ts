/** Weights of a TF.js model: groups of shards, in which the arrays follow each other without gaps. */
import { modelError } from "../../ir/error.ts";
import { sizeOf, type DType, type TypedArray } from "../../ir/graph.ts";
import type { ReadOptions } from "../reader.ts";
import { halfToFloat } from "../wire/half.ts";
import { isObject, type Json, type JsonObject } from "../wire/json.ts";

export interface StoredWeight { name: string; dtype: DType; shape: number[]; data: TypedArray }

const format = "tfjs";
const fail = (where: string, problem: string,
  remedy = "Download the model again, with all its shards."): never => { throw modelError("ERR_OCTAVO_FORMAT", format, where, problem, remedy); };

/** Reads all shards. @throws without `resolve` when there are any */
export async function readManifest(manifest: Json | undefined, options: ReadOptions): Promise<Map<string, StoredWeight>> {
  const weights = new Map<string, StoredWeight>();
  for (const group of Array.isArray(manifest) ? manifest : []) {
    if (!isObject(group) || !Array.isArray(group.paths) || !Array.isArray(group.weights)) {
      return fail("weightsManifest", "a group has no paths and weights");
    }
    const bytes = await shards(group.paths.map(String), options);
    let at = 0;
    for (const entry of group.weights) {
      const { weight, size } = readWeight(entry, bytes, at);
      weights.set(weight.name, weight);
      at += size;
    }
  }
  return weights;
}

async function shards(paths: string[], { resolve }: ReadOptions): Promise<Uint8Array> {
  const where = (path: string) => `shard "${path}"`;
  if (!resolve) {
    return paths.length ? fail(where(paths[0]!), "the weights are in other files", "Pass the model's folder, or the option resolve(path).")
      : new Uint8Array();
  }
  const parts: Uint8Array[] = [];
  for (const path of paths) {
    if (/^([a-z]+:|[\\/])|(^|[\\/])\.\.([\\/]|$)/i.test(path)) {
      fail(where(path), "it lies outside of the model's folder", "Put the shards beside model.json.");
    }
    parts.push(await resolve(path));
  }
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  parts.reduce((at, p) => (all.set(p, at), at + p.length), 0);
  return all;
}

const stored: Record<string, number> = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 };

/** One array at byte `at`; `size` is how many bytes it takes there. */
function readWeight(entry: Json, bytes: Uint8Array, at: number): { weight: StoredWeight; size: number } {
  if (!isObject(entry) || typeof entry.name !== "string" || !Array.isArray(entry.shape)) {
    return fail("weightsManifest", "a weight has no name and shape");
  }
  const { name } = entry, where = `weight "${name}"`, dtype = String(entry.dtype), shape = entry.shape.map(Number), count = sizeOf(shape);
  const quantization = isObject(entry.quantization) ? entry.quantization : undefined, form = quantization ? String(quantization.dtype) : dtype;
  if (!["float32", "int32", "bool"].includes(dtype) || !stored[form]) {
    fail(where, `it is of type ${form}, expected float32, int32 or bool, quantized or not`, "Convert the model without it.");
  }
  if (shape.some((d) => !Number.isSafeInteger(d) || d < 0)) fail(where, `its shape is [${shape.join(",")}]`);
  const size = count * stored[form]!;
  if (!(at + size <= bytes.length)) fail(where, `it needs bytes ${at} to ${at + size}, the shards have ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, size);
  return { weight: { name, dtype: dtype as DType, shape, data: decode(dtype, form, view, count, quantization) }, size };
}

/** Quantized: real = stored · scale + min, rounded where the weight is an integer; float16 has no scale. */
function decode(dtype: string, form: string, view: DataView, count: number, quantization: JsonObject | undefined): TypedArray {
  const out = dtype === "float32" ? new Float32Array(count) : dtype === "bool" ? new Uint8Array(count) : new Int32Array(count);
  const scale = Number(quantization?.scale ?? 1), min = Number(quantization?.min ?? 0), read = readers[form]!, width = stored[form]!;
  const scaled = quantization && form !== "float16";
  for (let i = 0; i < count; i++) {
    const value = read(view, i * width), real = scaled ? value * scale + min : value;
    out[i] = dtype === "int32" ? Math.round(real) : real;
  }
  return out;
}

const readers: Record<string, (v: DataView, at: number) => number> = {
  float32: (v, at) => v.getFloat32(at, true), int32: (v, at) => v.getInt32(at, true), bool: (v, at) => (v.getUint8(at) ? 1 : 0),
  uint8: (v, at) => v.getUint8(at), uint16: (v, at) => v.getUint16(at, true), float16: (v, at) => halfToFloat(v.getUint16(at, true)),
};
