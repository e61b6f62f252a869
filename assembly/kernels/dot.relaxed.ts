/**
 * i32x4.relaxed_dot_i8x16_i7x16_add_s adds four products of bytes to each of four sums. Hosts differ in how they take a
 * second operand with its highest bit set: as signed, as unsigned, or as unsigned with sums of two that saturate. The
 * first two are exact: the second operand is x with its sign bits flipped, x + 128 as unsigned, where the host takes it so,
 * and x where it does not; 128 · Σ w, or nothing, is then taken away.
 */
const OPERANDS = memory.data<i8>([
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
], 16);
const SIGNED: i32 = 4 * 127 * -1, UNSIGNED: i32 = 4 * 127 * 255;

/** sum + four products of each lane. */
// @ts-ignore: decorator
@inline
export function dot4(w: v128, x: v128, sum: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, sum);
}

/** What the second operand is to be combined with by exclusive or, or −1 where this host's sums are not exact. */
export function flipsOfHost(): i32 {
  const sum = i32x4.extract_lane(dot4(v128.load(OPERANDS), v128.load(OPERANDS, 16), i32x4.splat(0)), 0);
  return sum == SIGNED ? 0 : sum == UNSIGNED ? 128 : -1;
}
