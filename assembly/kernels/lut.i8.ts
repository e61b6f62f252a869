import { REFUSED, reads, size, writes } from "../check";

/** Parameters of lutI8, written by converter/lower/quantize.ts. */
@unmanaged
export class LutI8 {
  x: usize; table: usize; y: usize;
  n: i32;
}

export function checkLutI8(p: LutI8): f64 {
  return size(p.n) && reads(p.x, <f64>p.n) && reads(p.table, 256) && writes(p.y, <f64>p.n) ? <f64>p.n : REFUSED;
}

/**
 * Any function of one byte: y[i] = table[x[i] as unsigned]. x, y [n], may be the same · table [256]
 * Four at a time: their loads overlap. Checked at load by checkLutI8.
 */
export function lutI8(p: LutI8, part: i32, parts: i32): void {
  const table = p.table, end = p.x + p.n;
  let x = p.x + 4 * part, y = p.y + 4 * part;
  for (; x + 4 <= end; x += 4 * parts, y += 4 * parts) {
    const q = load<u32>(x);
    const low = <u32>load<u8>(table + (q & 255)) | <u32>load<u8>(table + (q >> 8 & 255)) << 8;
    store<u32>(y, low | <u32>load<u8>(table + (q >> 16 & 255)) << 16 | <u32>load<u8>(table + (q >> 24)) << 24);
  }
  for (; x < end; x++, y++) store<u8>(y, load<u8>(table + load<u8>(x)));
}
