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

/** y · 2^n for n from −150 to 128: n + 254 stands in the low bits of `shifted`. Two factors, as one may not have such an exponent. */
// @ts-ignore: decorator
@inline
export function scaleBy<T>(y: T, shifted: T): T {
  if (isVector<T>()) {
    const half = i32x4.shr_u(shifted, 1);
    return <T>f32x4.mul(f32x4.mul(y, i32x4.shl(half, 23)), i32x4.shl(i32x4.sub(shifted, half), 23));
  } else {
    const bits = reinterpret<u32>(shifted), half = bits >> 1;
    return y * reinterpret<f32>(half << 23) * reinterpret<f32>((bits - half) << 23);
  }
}

/** 2^n for n from −126 to 127: n + 127 stands in the low bits of `shifted`. */
// @ts-ignore: decorator
@inline
export function powerOf2<T>(shifted: T): T {
  if (isVector<T>()) return <T>i32x4.shl(shifted, 23);
  else return reinterpret<f32>(reinterpret<u32>(shifted) << 23);
}

/** Entry i of a table of numbers in memory. */
// @ts-ignore: decorator
@inline
export function term<T>(table: usize, i: i32): T {
  if (isVector<T>()) return <T>v128.load32_splat(table + 4 * i);
  else return load<f32>(table + 4 * i);
}

/** a == b ? yes : no */
// @ts-ignore: decorator
@inline
export function ifEqual<T>(a: T, b: T, yes: T, no: T): T {
  if (isVector<T>()) return <T>v128.bitselect(yes, no, f32x4.eq(a, b));
  else return a == b ? yes : no;
}

/** 1 where the mask is set, else 0, without a constant. */
// @ts-ignore: decorator
@inline
function oneOf(mask: v128): v128 {
  return f32x4.abs(f32x4.convert_i32x4_s(mask));
}

/** 1 where a == b, else 0; the same for a < b and a ≤ b. */
// @ts-ignore: decorator
@inline
export function equals<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>oneOf(f32x4.eq(a, b));
  else return <f32>(a == b);
}

// @ts-ignore: decorator
@inline
export function isLess<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>oneOf(f32x4.lt(a, b));
  else return <f32>(a < b);
}

// @ts-ignore: decorator
@inline
export function isAtMost<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>oneOf(f32x4.le(a, b));
  else return <f32>(a <= b);
}

// @ts-ignore: decorator
@inline
export function root<T>(a: T): T {
  if (isVector<T>()) return <T>f32x4.sqrt(a);
  else return sqrt(a);
}

/** To a whole number: below, above, nearest (halves to even), towards zero. */
// @ts-ignore: decorator
@inline
export function below<T>(a: T): T {
  if (isVector<T>()) return <T>f32x4.floor(a);
  else return floor(a);
}

// @ts-ignore: decorator
@inline
export function above<T>(a: T): T {
  if (isVector<T>()) return <T>f32x4.ceil(a);
  else return ceil(a);
}

// @ts-ignore: decorator
@inline
export function rounded<T>(a: T): T {
  if (isVector<T>()) return <T>f32x4.nearest(a);
  else return nearest(a);
}

// @ts-ignore: decorator
@inline
export function truncated<T>(a: T): T {
  if (isVector<T>()) return <T>f32x4.trunc(a);
  else return trunc(a);
}

/** The lesser and the greater; NaN if either is NaN. */
// @ts-ignore: decorator
@inline
export function least<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>f32x4.min(a, b);
  else return min(a, b);
}

// @ts-ignore: decorator
@inline
export function greatest<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>f32x4.max(a, b);
  else return max(a, b);
}

/** Floats in one Lane: v128 or f32, by `--use Lane=…` in asconfig.json. */
export const LANES: i32 = <i32>(sizeof<Lane>() / 4);

/** Element i of the floats at `a`, and those that share its Lane. */
// @ts-ignore: decorator
@inline
export function at(a: usize, i: i32): Lane {
  return load<Lane>(a + (<usize>i << 2));
}

// @ts-ignore: decorator
@inline
export function put(y: usize, i: i32, value: Lane): void {
  store<Lane>(y + (<usize>i << 2), value);
}

// @ts-ignore: decorator
@inline
export function lane(value: f32): Lane {
  return splat<Lane>(value);
}
