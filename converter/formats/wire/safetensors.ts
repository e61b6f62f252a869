/**
 * safetensors: u64 length of a JSON header, the header { name: { dtype, shape, data_offsets } }, then the data.
 * Source: huggingface/safetensors, README "Format".
 */
import { sizeOf } from "../../ir/graph.ts";
import { Bytes } from "./bytes.ts";
import { parseJson, type Json } from "./json.ts";

/** dtype as the file names it, e.g. F32, I64, BF16. */
export interface StoredTensor { dtype: string; shape: number[]; bytes: Uint8Array }

const elementBytes: Record<string,
  number> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1 };

/** A header of plausible length that opens a JSON object. */
export const isSafetensors = (data: Uint8Array): boolean =>
  data.length > 8 && data[8] === 123 && new DataView(data.buffer, data.byteOffset).getBigUint64(0, true) <= BigInt(data.length - 8);

export function readSafetensors(data: Uint8Array, format: string): Map<string, StoredTensor> {
  const bytes = new Bytes(data, format), length = bytes.uint(0, 8), header = parseJson(bytes.text(8, length), format, "safetensors header");
  const tensors = new Map<string, StoredTensor>();
  if (typeof header !== "object" || header === null || Array.isArray(header)) bytes.fail(8, "the header is no JSON object");
  for (const [name, entry] of Object.entries(header as Record<string, Json>)) if (name !== "__metadata__") tensors.set(name,
    readTensor(bytes, 8 + length, name, entry));
  return tensors;
}

function readTensor(bytes: Bytes, start: number, name: string, entry: Json): StoredTensor {
  const { dtype, shape, data_offsets: span } = (entry ?? {}) as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  const size = elementBytes[String(dtype)];
  if (!size) {
    bytes.fail(8, `tensor "${name}" has dtype ${JSON.stringify(dtype)}, expected one of ${Object.keys(elementBytes).join(", ")}`, "Save it as F32.");
  }
  if (!isSizes(shape) || !isSizes(span) || span.length !== 2) return bytes.fail(8, `tensor "${name}" has no proper shape and data_offsets`);
  if (span[1]! - span[0]! !== sizeOf(shape) * size!) {
    bytes.fail(8, `tensor "${name}" of [${shape.join(",")}] has ${span[1]! - span[0]!} bytes, expected ${sizeOf(shape) * size!}`);
  }
  return { dtype: String(dtype), shape, bytes: bytes.slice(start + span[0]!, span[1]! - span[0]!) };
}

const isSizes = (value: unknown): value is number[] => Array.isArray(value) && value.every((d) => Number.isSafeInteger(d) && d >= 0);

/** The header is padded with spaces, so that the data begin at a multiple of 8. */
export function writeSafetensors(tensors: ReadonlyMap<string, StoredTensor>): Uint8Array {
  let end = 0;
  const entries = [...tensors].map(([name, { dtype, shape, bytes }]) => [name, { dtype, shape, data_offsets: [end, (end += bytes.length)] }]);
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries))), start = 8 + Math.ceil(json.length / 8) * 8, file = new Uint8Array(start + end).fill(32, 0, start);
  new DataView(file.buffer).setBigUint64(0, BigInt(start - 8), true);
  file.set(json, 8);
  [...tensors.values()].reduce((at, { bytes }) => (file.set(bytes, at), at + bytes.length), start);
  return file;
}
