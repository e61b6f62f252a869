/** The simplest loop of f32 multiply and add, operands in registers: twelve sums, 48 multiply-accumulates per step. No kernel exceeds it by much. */
export function peak(p: usize, steps: i32): f32 {
  const w = v128.load(p);
  let c0 = w, c1 = w, c2 = w, c3 = w, c4 = w, c5 = w, c6 = w, c7 = w, c8 = w, c9 = w, c10 = w, c11 = w;
  for (; steps > 0; steps--) {
    c0 = f32x4.add(c0, f32x4.mul(c0, w));
    c1 = f32x4.add(c1, f32x4.mul(c1, w));
    c2 = f32x4.add(c2, f32x4.mul(c2, w));
    c3 = f32x4.add(c3, f32x4.mul(c3, w));
    c4 = f32x4.add(c4, f32x4.mul(c4, w));
    c5 = f32x4.add(c5, f32x4.mul(c5, w));
    c6 = f32x4.add(c6, f32x4.mul(c6, w));
    c7 = f32x4.add(c7, f32x4.mul(c7, w));
    c8 = f32x4.add(c8, f32x4.mul(c8, w));
    c9 = f32x4.add(c9, f32x4.mul(c9, w));
    c10 = f32x4.add(c10, f32x4.mul(c10, w));
    c11 = f32x4.add(c11, f32x4.mul(c11, w));
  }
  const s = f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3)), t = f32x4.add(f32x4.add(c4, c5), f32x4.add(c6, c7)), u = f32x4.add(f32x4.add(c8, c9), f32x4.add(c10, c11));
  return f32x4.extract_lane(f32x4.add(s, f32x4.add(t, u)), 0);
}
