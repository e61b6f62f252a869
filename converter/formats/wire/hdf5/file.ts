/** What every part of the HDF5 reader shares: the bytes, the width of offsets, and how much may still be visited. */
import type { Bytes } from "../bytes.ts";

export interface Hdf5File {
  bytes: Bytes;
  /** Bytes of an address and of a length. */
  offsetSize: number;
  lengthSize: number;
  /** Added to every address. */
  base: number;
  /** Blocks may point at each other in circles: visits are bounded by the file's length. */
  left: number;
}

/** An address that is all ones points nowhere. */
export const nowhere = -1;

export function addressAt(file: Hdf5File, at: number): number {
  const raw = file.bytes.slice(at, file.offsetSize);
  return raw.every((b) => b === 255) ? nowhere : file.base + file.bytes.uint(at, file.offsetSize);
}

/** @throws where the address points nowhere or outside, or when blocks were visited more often than the file can hold */
export function visit(file: Hdf5File, address: number, size: number): number {
  file.bytes.slice(address, 0);
  file.left -= size;
  if (file.left < 0) file.bytes.fail(address, "found blocks that point at each other in a circle, expected each once");
  return address;
}
