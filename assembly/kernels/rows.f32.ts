/** Rows of n floats, any n: whole vectors, then one by one by the same formula. y may be an operand. */
import { LANES, at, lane, larger, plus, put, times } from "../lanes";
import { sigmoid, tanh } from "../math";
import { fourSigmoids, fourTanhs } from "../math.four";

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

/** y = max(a + b, 0); NaN stays. */
export function reluOfSum(a: usize, b: usize, y: usize, n: i32): void {
  const whole = wholeLanes(n), end = 4 * n, zero = lane(0);
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) store<Lane>(y + j, larger<Lane>(plus<Lane>(load<Lane>(a + j), load<Lane>(b + j)), zero));
  for (; j < end; j += 4) store<f32>(y + j, larger<f32>(load<f32>(a + j) + load<f32>(b + j), 0));
}

/** y = sigmoid (a + b) */
export function sigmoidOfSum(a: usize, b: usize, y: usize, n: i32): void {
  let j = 0;
  for (; j + 4 * LANES <= n; j += 4 * LANES) fourSigmoids(a + 4 * j, b + 4 * j, y + 4 * j);
  for (; j + LANES <= n; j += LANES) put(y, j, sigmoid<Lane>(plus(at(a, j), at(b, j))));
  for (; j < n; j++) store<f32>(y + 4 * j, sigmoid<f32>(load<f32>(a + 4 * j) + load<f32>(b + 4 * j)));
}

/** y = tanh (a + b) */
export function tanhOfSum(a: usize, b: usize, y: usize, n: i32): void {
  let j = 0;
  for (; j + 4 * LANES <= n; j += 4 * LANES) fourTanhs(a + 4 * j, b + 4 * j, y + 4 * j);
  for (; j + LANES <= n; j += LANES) put(y, j, tanh<Lane>(plus(at(a, j), at(b, j))));
  for (; j < n; j++) store<f32>(y + 4 * j, tanh<f32>(load<f32>(a + 4 * j) + load<f32>(b + 4 * j)));
}

/** y = tanh a */
export function tanhRow(a: usize, y: usize, n: i32): void {
  let j = 0;
  for (; j + 4 * LANES <= n; j += 4 * LANES) fourTanhs(a + 4 * j, 0, y + 4 * j);
  for (; j + LANES <= n; j += LANES) put(y, j, tanh<Lane>(at(a, j)));
  for (; j < n; j++) store<f32>(y + 4 * j, tanh<f32>(load<f32>(a + 4 * j)));
}
