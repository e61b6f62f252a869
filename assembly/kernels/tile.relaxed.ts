/** A tile of x: lines of columns, flipped as dot.relaxed.ts says, zero points where there is no x. */
import { Window } from "../window";

/** Bytes, flipped, in whole groups of 16. */
// @ts-ignore: decorator
@inline
export function flipBytes(from: usize, to: usize, count: i32, flip: v128): void {
  for (const end = from + count; from < end; from += 16, to += 16) v128.store(to, v128.xor(v128.load(from), flip));
}

/**
 * `lines` lines of `columns` columns from (top, left) on; up to 15 bytes behind them are overwritten.
 * x: the first byte of the image · slice: bytes of each column, all C or 32 of them, or of what follows · zero: a zero point
 */
export function fillTile(p: Window, x: usize, top: i32, left: i32, lines: i32, columns: i32, slice: i32, to: usize, zero: i32, flips: i32): void {
  const C = p.C, before = min(max(0, -left), columns), end = max(before, min(p.W - left, columns)), bytes = columns * slice, flip = i8x16.splat(<i8>flips), none = i8x16.splat(<i8>(zero ^ flips));
  for (let h = top; h < top + lines; h++, to += bytes) {
    const isInside = <u32>h < <u32>p.H;
    fillBytes(to, isInside ? before * slice : bytes, none);
    if (!isInside) continue;
    let from = x + (h * p.W + left + before) * C, at = to + before * slice;
    const last = to + end * slice;
    if (slice == C) flipBytes(from, at, (end - before) * C, flip);
    else for (; at < last; at += 32, from += C) {
      v128.store(at, v128.xor(v128.load(from), flip));
      v128.store(at, v128.xor(v128.load(from, 16), flip), 16);
    }
    fillBytes(last, bytes - end * slice, none);
  }
}

/** Whole groups of 16. */
// @ts-ignore: decorator
@inline
function fillBytes(to: usize, count: i32, value: v128): void {
  for (const end = to + count; to < end; to += 16) v128.store(to, value);
}
