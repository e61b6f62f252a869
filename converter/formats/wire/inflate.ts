/** Deflate that stops at the size it was promised: a small file cannot unpack without end. */
import { Inflate, Unzlib } from "fflate";

/** Bytes fed at a time; deflate makes at most 1032 of one. */
const step = 16384;

/** @returns exactly `size` bytes, or undefined where the data is damaged, shorter or longer */
export function inflateExactly(data: Uint8Array, size: number, form: "raw" | "zlib"): Uint8Array | undefined {
  const out = new Uint8Array(size);
  let filled = 0, ended = false;
  const take = (chunk: Uint8Array, final: boolean) => {
    if (filled + chunk.length <= size) out.set(chunk, filled);
    filled += chunk.length;
    ended ||= final;
  };
  const stream = form === "raw" ? new Inflate(take) : new Unzlib(take);
  try {
    for (let at = 0; at < data.length && filled <= size; at += step) stream.push(data.subarray(at, at + step), at + step >= data.length);
  } catch {
    return undefined;
  }
  return ended && filled === size ? out : undefined;
}
