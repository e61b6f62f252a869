/**
 * One formula for both widths: T is f32 in the scalar build and v128, four f32, in the others. Each line is one rounding
 * in either, so both return the same bytes.
 */

// @ts-ignore: decorator
@inline
export function splat<T>(value: f32): T {
  if (isVector<T>()) return <T>f32x4.splat(value);
  else return <T>value;
}

// @ts-ignore: decorator
@inline
export function plus<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>f32x4.add(a, b);
  else return a + b;
}

// @ts-ignore: decorator
@inline
export function minus<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>f32x4.sub(a, b);
  else return a - b;
}

// @ts-ignore: decorator
@inline
export function times<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>f32x4.mul(a, b);
  else return a * b;
}

// @ts-ignore: decorator
@inline
export function over<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>f32x4.div(a, b);
  else return a / b;
}

/** a · b + c, rounded twice. */
// @ts-ignore: decorator
@inline
export function timesPlus<T>(a: T, b: T, c: T): T {
  return plus<T>(times<T>(a, b), c);
}

/** b < a ? b : a; a NaN stays. */
// @ts-ignore: decorator
@inline
export function smaller<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>f32x4.pmin(a, b);
  else return b < a ? b : a;
}

/** a < b ? b : a; a NaN stays. */
// @ts-ignore: decorator
@inline
export function larger<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>f32x4.pmax(a, b);
  else return a < b ? b : a;
}

/** min(max(a, lo), hi); NaN stays. */
// @ts-ignore: decorator
@inline
export function clamp<T>(a: T, lo: T, hi: T): T {
  return smaller<T>(larger<T>(a, lo), hi);
}

// @ts-ignore: decorator
@inline
export function negated<T>(a: T): T {
  if (isVector<T>()) return <T>f32x4.neg(a);
  else return -a;
}

// @ts-ignore: decorator
@inline
export function magnitude<T>(a: T): T {
  if (isVector<T>()) return <T>f32x4.abs(a);
  else return abs(a);
}

/** a < b ? yes : no */
// @ts-ignore: decorator
@inline
export function ifLess<T>(a: T, b: T, yes: T, no: T): T {
  if (isVector<T>()) return <T>v128.bitselect(yes, no, f32x4.lt(a, b));
  else return a < b ? yes : no;
}

/** 2^n for the whole number n that `shifted` = n + 1.5 · 2^23 holds in its low bits, y times it; −150 ≤ n ≤ 128. */
// @ts-ignore: decorator
@inline
export function scaleBy<T>(y: T, shifted: T): T {
  if (isVector<T>()) {
    const n = i32x4.sub(shifted, i32x4.splat(0x4b400000)), half = i32x4.shr_s(n, 1), bias = i32x4.splat(127);
    const first = i32x4.shl(i32x4.add(half, bias), 23), second = i32x4.shl(i32x4.add(i32x4.sub(n, half), bias), 23);
    return <T>f32x4.mul(f32x4.mul(y, first), second);
  } else {
    const n = reinterpret<i32>(shifted) - 0x4b400000, half = n >> 1;
    return y * reinterpret<f32>((half + 127) << 23) * reinterpret<f32>((n - half + 127) << 23);
  }
}
