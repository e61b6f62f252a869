/** Rare functions, by element: see slow.ts. n, a and b as in unary.ts and binary.ts; bounds are not applied. */
import { atan2, log, pow, remainder, sin } from "./slow";

export function logOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i++) store<f32>(y + 4 * i, <f32>log(load<f32>(a + 4 * i)));
}

export function sinOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i++) store<f32>(y + 4 * i, <f32>sin(load<f32>(a + 4 * i), 0));
}

export function cosOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i++) store<f32>(y + 4 * i, <f32>sin(load<f32>(a + 4 * i), 1));
}

export function powOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i++) store<f32>(y + 4 * i, <f32>pow(load<f32>(a + 4 * i), load<f32>(b + 4 * i)));
}

/** Sign of a. */
export function fmodOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i++) store<f32>(y + 4 * i, <f32>remainder(load<f32>(a + 4 * i), load<f32>(b + 4 * i)));
}

export function atan2Of(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i++) store<f32>(y + 4 * i, <f32>atan2(load<f32>(a + 4 * i), load<f32>(b + 4 * i)));
}

/** Sign of b. */
export function mod(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i++) {
    const divisor = <f64>load<f32>(b + 4 * i), r = remainder(load<f32>(a + 4 * i), divisor);
    store<f32>(y + 4 * i, <f32>(r * divisor < 0 ? r + divisor : r));
  }
}
