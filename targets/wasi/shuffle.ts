/** Order of samples in an epoch: sdk/train/shuffle.ts in AssemblyScript. */

/** 0 … count − 1 by Fisher and Yates, u32 [count] at `order`. */
export function shuffle(order: usize, count: u32, seed: i32, epoch: i32): void {
  for (let i: u32 = 0; i < count; i++) store<u32>(order + 4 * i, i);
  let s: i32 = seed * 0x9e3779b1 + epoch * 0x85ebca6b;
  for (let i = count - 1; i > 0; i--) {
    s += 0x6d2b79f5;
    let t: u32 = (<u32>s ^ (<u32>s >>> 15)) * (1 | <u32>s);
    t = (t + (t ^ (t >>> 7)) * (61 | t)) ^ t;
    const k = <u32>floor((<f64>(t ^ (t >>> 14)) / 4294967296) * (<f64>i + 1)), v = load<u32>(order + 4 * i);
    store<u32>(order + 4 * i, load<u32>(order + 4 * k));
    store<u32>(order + 4 * k, v);
  }
}
