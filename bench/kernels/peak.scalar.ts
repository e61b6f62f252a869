/** The simplest loop of i32 multiply and add, operands in registers: twelve sums, 12 multiply-accumulates per step. */
export function peak(p: usize, steps: i32): i32 {
  const w = load<i32>(p);
  let c0 = w, c1 = w, c2 = w, c3 = w, c4 = w, c5 = w, c6 = w, c7 = w, c8 = w, c9 = w, c10 = w, c11 = w;
  for (; steps > 0; steps--) {
    c0 += c1 * w;
    c1 += c2 * w;
    c2 += c3 * w;
    c3 += c4 * w;
    c4 += c5 * w;
    c5 += c6 * w;
    c6 += c7 * w;
    c7 += c8 * w;
    c8 += c9 * w;
    c9 += c10 * w;
    c10 += c11 * w;
    c11 += c0 * w;
  }
  return c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11;
}
