/** The first `count` of the 8 floats low, high. */
export function storeRow(y: usize, low: v128, high: v128, count: i32): void {
  if (count < 4) return storeLanes(y, low, count);
  v128.store(y, low);
  if (count == 8) v128.store(y, high, 16);
  else storeLanes(y + 16, high, count - 4);
}

/** The first `count` < 4 lanes. */
export function storeLanes(y: usize, v: v128, count: i32): void {
  if (count > 0) v128.store_lane<f32>(y, v, 0);
  if (count > 1) v128.store_lane<f32>(y, v, 1, 4);
  if (count > 2) v128.store_lane<f32>(y, v, 2, 8);
}
