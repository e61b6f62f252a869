/**
 * The simplest loop of i32x4.dot_i16x8_s and add, operands in registers: twelve sums, 96 multiply-accumulates per step.
 * What exact int8 products can reach.
 */
export function peak(p: usize, steps: i32): i32 {
  const w = v128.load(p), x = v128.load(p, 16);
  let c0 = w, c1 = x, c2 = w, c3 = x, c4 = w, c5 = x, c6 = w, c7 = x, c8 = w, c9 = x, c10 = w, c11 = x;
  for (; steps > 0; steps--) {
    c0 = i32x4.add(c0, i32x4.dot_i16x8_s(c1, w));
    c1 = i32x4.add(c1, i32x4.dot_i16x8_s(c2, x));
    c2 = i32x4.add(c2, i32x4.dot_i16x8_s(c3, w));
    c3 = i32x4.add(c3, i32x4.dot_i16x8_s(c4, x));
    c4 = i32x4.add(c4, i32x4.dot_i16x8_s(c5, w));
    c5 = i32x4.add(c5, i32x4.dot_i16x8_s(c6, x));
    c6 = i32x4.add(c6, i32x4.dot_i16x8_s(c7, w));
    c7 = i32x4.add(c7, i32x4.dot_i16x8_s(c8, x));
    c8 = i32x4.add(c8, i32x4.dot_i16x8_s(c9, w));
    c9 = i32x4.add(c9, i32x4.dot_i16x8_s(c10, x));
    c10 = i32x4.add(c10, i32x4.dot_i16x8_s(c11, w));
    c11 = i32x4.add(c11, i32x4.dot_i16x8_s(c0, x));
  }
  const s = i32x4.add(i32x4.add(c0, c1), i32x4.add(c2, c3)), t = i32x4.add(i32x4.add(c4, c5), i32x4.add(c6, c7)), u = i32x4.add(i32x4.add(c8, c9), i32x4.add(c10, c11));
  return i32x4.extract_lane(i32x4.add(s, i32x4.add(t, u)), 0);
}
