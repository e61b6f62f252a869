/** Rows of n floats, any n: whole vectors, then one by one by the same formula. y may be an operand. */
import { LANES, lane, larger, plus, times } from "../lanes";
import { sigmoid, tanh } from "../math";

/** Bytes of the whole vectors of a row. */
// @ts-ignore: decorator
@inline
export function wholeLanes(n: i32): i32 {
  return 4 * (n & ~(LANES - 1));
}

/** y = a + b */
export function sumRow(a: usize, b: usize, y: usize, n: i32): void {
  const whole = wholeLanes(n), end = 4 * n;
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) store<Lane>(y + j, plus<Lane>(load<Lane>(a + j), load<Lane>(b + j)));
  for (; j < end; j += 4) store<f32>(y + j, load<f32>(a + j) + load<f32>(b + j));
}

/** y = a ∘ b */
export function productRow(a: usize, b: usize, y: usize, n: i32): void {
  const whole = wholeLanes(n), end = 4 * n;
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) store<Lane>(y + j, times<Lane>(load<Lane>(a + j), load<Lane>(b + j)));
  for (; j < end; j += 4) store<f32>(y + j, load<f32>(a + j) * load<f32>(b + j));
}

/** y = max(a, 0); NaN stays. */
export function reluRow(a: usize, y: usize, n: i32): void {
  const whole = wholeLanes(n), end = 4 * n, zero = lane(0);
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) store<Lane>(y + j, larger<Lane>(load<Lane>(a + j), zero));
  for (; j < end; j += 4) store<f32>(y + j, larger<f32>(load<f32>(a + j), 0));
}

export function sigmoidRow(a: usize, y: usize, n: i32): void {
  const whole = wholeLanes(n), end = 4 * n;
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) store<Lane>(y + j, sigmoid<Lane>(load<Lane>(a + j)));
  for (; j < end; j += 4) store<f32>(y + j, sigmoid<f32>(load<f32>(a + j)));
}

export function tanhRow(a: usize, y: usize, n: i32): void {
  const whole = wholeLanes(n), end = 4 * n;
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) store<Lane>(y + j, tanh<Lane>(load<Lane>(a + j)));
  for (; j < end; j += 4) store<f32>(y + j, tanh<f32>(load<f32>(a + j)));
}
