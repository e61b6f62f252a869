/** Tensors by sizes and strides: six i32 each, in elements, outermost first, inside a parameter struct. */
import { REFUSED, reads, size, sizes } from "./check";

export const AXES: i32 = 6;

// @ts-ignore: decorator
@inline
function nth(list: usize, axis: i32): i32 {
  return load<i32>(list + (<usize>axis << 2));
}

/** True if every size is one; strides may be any number. */
export function sizesAt(sizes: usize): bool {
  for (let axis = 0; axis < AXES; axis++) if (!size(nth(sizes, axis))) return false;
  return true;
}

/** Number of elements, exact. */
export function elements(sizes: usize): f64 {
  let product: f64 = 1;
  for (let axis = 0; axis < AXES; axis++) product *= <f64>nth(sizes, axis);
  return product;
}

/** Index of the last element that the strides reach, counted from the first address. */
export function highest(sizes: usize, strides: usize): f64 {
  let index: f64 = 0;
  for (let axis = 0; axis < AXES; axis++) index += max(0, <f64>(nth(sizes, axis) - 1) * <f64>nth(strides, axis));
  return index;
}

/** Index of the first element, 0 or below: strides may be negative. */
export function lowest(sizes: usize, strides: usize): f64 {
  let index: f64 = 0;
  for (let axis = 0; axis < AXES; axis++) index += min(0, <f64>(nth(sizes, axis) - 1) * <f64>nth(strides, axis));
  return index;
}

/** What holds where every element has a place of its own; bounds their number by the size of the memory. */
export function distinct(sizes: usize, strides: usize): bool {
  return elements(sizes) <= highest(sizes, strides) - lowest(sizes, strides) + 1;
}

/** Index that the strides give to the element that is `flat` in row-major order of the sizes. */
export function indexOf(sizes: usize, strides: usize, flat: i32): i32 {
  let index = 0;
  for (let axis = AXES - 1; axis >= 0; axis--) {
    const n = nth(sizes, axis);
    if (n == 1) continue;
    index += flat % n * nth(strides, axis);
    flat /= n;
  }
  return index;
}

/**
 * Elements of the products of batches of matrices a [M,K] and b [K,N], or REFUSED where an operand of elements of `bytes`
 * bytes leaves the memory. `batch`: sizes of the batches; strides of a and of b follow it.
 */
export function checkProducts(batch: usize, M: i32, K: i32, N: i32, a: usize, b: usize, bytes: f64): f64 {
  const ofA = batch + 4 * AXES, ofB = ofA + 4 * AXES, k = <f64>K;
  if (!sizes(M, K, N) || !sizesAt(batch) || lowest(batch, ofA) < 0 || lowest(batch, ofB) < 0) return REFUSED;
  const inside = reads(a, bytes * (highest(batch, ofA) + <f64>M * k)) && reads(b, bytes * (highest(batch, ofB) + k * <f64>N));
  return inside ? elements(batch) * <f64>M * <f64>N : REFUSED;
}
