/**
 * Functions of int16 in fixed point as gemmlowp computes them (fixedpoint.h), on which TFLite's integer LSTM is built.
 * T is i32 in the scalar build and v128, eight i16, in the others; both give the same integers. Qm.n has m integer bits
 * and n = 15 − m others.
 */

// @ts-ignore: decorator
@inline
function all<T>(value: i32): T {
  if (isVector<T>()) return <T>i16x8.splat(<i16>value);
  else return <T>value;
}

/** round(a · b / 2^15), halves up, saturating. */
// @ts-ignore: decorator
@inline
function product<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>i16x8.q15mulr_sat_s(a, b);
  else return min((a * b + 16384) >> 15, 32767);
}

/** Sums that do not leave int16. */
// @ts-ignore: decorator
@inline
function sum<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>i16x8.add(a, b);
  else return a + b;
}

// @ts-ignore: decorator
@inline
function difference<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>i16x8.sub(a, b);
  else return a - b;
}

// @ts-ignore: decorator
@inline
function saturatingSum<T>(a: T, b: T): T {
  if (isVector<T>()) return <T>i16x8.add_sat_s(a, b);
  else return min(max(a + b, -32768), 32767);
}

/** a / 2^n, halves away from zero. */
// @ts-ignore: decorator
@inline
function divided<T>(a: T, n: i32): T {
  const half: i32 = 1 << (n - 1);
  if (isVector<T>()) return <T>i16x8.shr_s(i16x8.add(i16x8.add(a, i16x8.splat(<i16>half)), i16x8.shr_s(a, 15)), n);
  else return (a + half + (a >> 31)) >> n;
}

/** a < b ? yes : no */
// @ts-ignore: decorator
@inline
function ifLess<T>(a: T, b: T, yes: T, no: T): T {
  if (isVector<T>()) return <T>v128.bitselect(yes, no, i16x8.lt_s(a, b));
  else return a < b ? yes : no;
}

/** a & bits ? yes : no */
// @ts-ignore: decorator
@inline
function ifSet<T>(a: T, bits: i32, yes: T, no: T): T {
  if (isVector<T>()) return <T>v128.bitselect(no, yes, i16x8.eq(v128.and(a, i16x8.splat(<i16>bits)), i16x8.splat(0)));
  else return a & bits ? yes : no;
}

/** e^(−2^k) for k from −2, Q0.15. */
const POWERS = memory.data<i16>([25520, 19875, 12055, 4435, 600, 11, 0]);
/** e^(−1/8), 1/3, 48/17 in Q2.13, −32/17 in Q2.13. */
const EXP_EIGHTH: i32 = 28918, THIRD: i32 = 10923, FIRST: i32 = 23130, SLOPE: i32 = -15420;

/** e^a for a ≤ 0 of `bits` integer bits → Q0.15. */
function expOnNegative<T>(a: T, bits: i32): T {
  const fraction = 15 - bits, quarter = 1 << (fraction - 2);
  const within = difference<T>(masked<T>(a, quarter - 1), all<T>(quarter)), rest = difference<T>(within, a);
  let result = expNearZero<T>(grown<T>(within, bits));
  for (let k = -2; k < min(bits, 5); k++) result = ifSet<T>(rest, 1 << (fraction + k), product<T>(result, all<T>(load<i16>(POWERS + 2 * (k + 2)))), result);
  if (bits > 5) result = ifLess<T>(a, all<T>(-32 << fraction), all<T>(0), result);
  return ifLess<T>(a, all<T>(0), result, all<T>(32767));
}

// @ts-ignore: decorator
@inline
function masked<T>(a: T, bits: i32): T {
  if (isVector<T>()) return <T>v128.and(a, i16x8.splat(<i16>bits));
  else return a & bits;
}

// @ts-ignore: decorator
@inline
function grown<T>(a: T, bits: i32): T {
  if (isVector<T>()) return <T>i16x8.shl(a, bits);
  else return a << bits;
}

/** e^a for a in [−1/4, 0), Q0.15. */
// @ts-ignore: decorator
@inline
function expNearZero<T>(a: T): T {
  const x = sum<T>(a, all<T>(4096)), x2 = product<T>(x, x), x3 = product<T>(x2, x), x4 = product<T>(x2, x2);
  const tail = divided<T>(sum<T>(product<T>(sum<T>(divided<T>(x4, 2), x3), all<T>(THIRD)), x2), 1);
  return saturatingSum<T>(all<T>(EXP_EIGHTH), product<T>(all<T>(EXP_EIGHTH), sum<T>(x, tail)));
}

/** 2 / (1 + a) for a in [0, 1), Q0.15 → Q2.13: three steps of Newton and Raphson. */
function twoOverOnePlus<T>(a: T): T {
  let half: T;
  if (isVector<T>()) half = <T>i16x8.avgr_u(a, i16x8.splat(32767));
  else half = (a + 32768) >> 1;
  let x = sum<T>(all<T>(FIRST), product<T>(half, all<T>(SLOPE)));
  for (let i = 0; i < 3; i++) x = sum<T>(x, doubled<T>(doubled<T>(product<T>(x, difference<T>(all<T>(8192), product<T>(half, x))))));
  return x;
}

// @ts-ignore: decorator
@inline
function doubled<T>(a: T): T {
  return saturatingSum<T>(a, a);
}

/** 1 / (1 + e^−a), or tanh a, of a with `bits` integer bits, 0 … 6 → Q0.15. */
export function activation<T>(a: T, bits: i32, isTanh: bool): T {
  const zero = all<T>(0), negative = ifLess<T>(a, zero, a, difference<T>(zero, a));
  const two = twoOverOnePlus<T>(expOnNegative<T>(negative, isTanh ? bits + 1 : bits));
  const y = isTanh ? doubled<T>(doubled<T>(difference<T>(two, all<T>(8192)))) : doubled<T>(two);
  return ifLess<T>(a, zero, difference<T>(all<T>(isTanh ? 0 : 32767), y), ifLess<T>(zero, a, y, all<T>(isTanh ? 0 : 16384)));
}
