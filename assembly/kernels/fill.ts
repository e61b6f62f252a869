import { REFUSED, size, writes } from "../check";

/** Parameters of fill, written by converter/lower/move.ts: n elements of `bytes` bytes, each the low bytes of `bits`. */
@unmanaged
export class Fill {
  y: usize;
  n: i32; bytes: i32; bits: i32;
}

export function checkFill(p: Fill): f64 {
  if (!size(p.n) || (p.bytes != 1 && p.bytes != 2 && p.bytes != 4)) return REFUSED;
  return writes(p.y, <f64>p.n * <f64>p.bytes) ? <f64>p.n : REFUSED;
}

/** y[i] = bits for i below n. Checked at load by checkFill. */
export function fill(p: Fill, part: i32, parts: i32): void {
  const n = p.n, bits = p.bits, y = p.y;
  if (p.bytes == 1) return memory.fill(y, <u8>bits, n);
  if (p.bytes == 2) for (let i = part; i < n; i += parts) store<i16>(y + 2 * i, <i16>bits);
  else for (let i = part; i < n; i += parts) store<i32>(y + 4 * i, bits);
}
