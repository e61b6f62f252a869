/** What 7-bit weights can reach with relaxed SIMD; hosts differ in which of the two is faster. `ones` comes from memory, so that it stays in a register. */

/** i32x4.relaxed_dot_i8x16_i7x16_add_s: twelve sums, 192 multiply-accumulates per step. */
export function dotAdd(p: usize, steps: i32): i32 {
  const w = v128.load(p), x = v128.load(p, 16), ones = v128.load(p, 32);
  let c0 = w, c1 = x, c2 = w, c3 = x, c4 = w, c5 = x, c6 = w, c7 = x, c8 = w, c9 = x, c10 = w, c11 = x;
  for (; steps > 0; steps--) {
    c0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c0);
    c1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c1);
    c2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c2);
    c3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c3);
    c4 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c4);
    c5 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c5);
    c6 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c6);
    c7 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c7);
    c8 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c8);
    c9 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c9);
    c10 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c10);
    c11 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c11);
  }
  const s = i32x4.add(i32x4.add(c0, c1), i32x4.add(c2, c3)), t = i32x4.add(i32x4.add(c4, c5), i32x4.add(c6, c7)), u = i32x4.add(i32x4.add(c8, c9), i32x4.add(c10, c11));
  return i32x4.extract_lane(i32x4.add(s, i32x4.add(t, u)), 0);
}

/** i16x8.relaxed_dot_i8x16_i7x16_s, then i32x4.dot_i16x8_s with ones, then add: twelve sums, 192 multiply-accumulates per step. */
export function dotOnes(p: usize, steps: i32): i32 {
  const w = v128.load(p), x = v128.load(p, 16), ones = v128.load(p, 32);
  let c0 = w, c1 = x, c2 = w, c3 = x, c4 = w, c5 = x, c6 = w, c7 = x, c8 = w, c9 = x, c10 = w, c11 = x;
  for (; steps > 0; steps--) {
    c0 = i32x4.add(c0, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(c1, w), ones));
    c1 = i32x4.add(c1, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(c2, x), ones));
    c2 = i32x4.add(c2, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(c3, w), ones));
    c3 = i32x4.add(c3, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(c4, x), ones));
    c4 = i32x4.add(c4, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(c5, w), ones));
    c5 = i32x4.add(c5, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(c6, x), ones));
    c6 = i32x4.add(c6, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(c7, w), ones));
    c7 = i32x4.add(c7, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(c8, x), ones));
    c8 = i32x4.add(c8, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(c9, w), ones));
    c9 = i32x4.add(c9, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(c10, x), ones));
    c10 = i32x4.add(c10, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(c11, w), ones));
    c11 = i32x4.add(c11, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(c0, x), ones));
  }
  const s = i32x4.add(i32x4.add(c0, c1), i32x4.add(c2, c3)), t = i32x4.add(i32x4.add(c4, c5), i32x4.add(c6, c7)), u = i32x4.add(i32x4.add(c8, c9), i32x4.add(c10, c11));
  return i32x4.extract_lane(i32x4.add(s, i32x4.add(t, u)), 0);
}
