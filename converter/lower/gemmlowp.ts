/**
 * Fixed-point arithmetic of gemmlowp (fixedpoint.h), on which TFLite's reference kernels are built: what their tables
 * hold. Raw numbers are int32; Qm.n has m integer bits.
 */

/** round(a · b / 2^31), halves up, saturating. */
export function roundedHigh(a: number, b: number): number {
  if (a === -(2 ** 31) && b === -(2 ** 31)) return 2 ** 31 - 1;
  return Number((BigInt(a) * BigInt(b) + (1n << 30n)) >> 31n);
}

/** x / 2^n, halves away from zero. */
export function divideByPower(x: number, n: number): number {
  const unit = 2 ** n, remainder = ((x % unit) + unit) % unit;
  return Math.floor(x / unit) + (remainder > Math.floor((unit - 1) / 2) + (x < 0 ? 1 : 0) ? 1 : 0);
}

/** x · 2^n, saturating. */
export const multiplyByPower = (x: number, n: number): number => (n < 0 ? divideByPower(x, -n) : saturated(x * 2 ** n));
export const saturated = (x: number): number => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, x));

/** e^(−1/8) and 1/3 in Q0.31. */
const EXP_EIGHTH = 1895147668, THIRD = 715827883;

/** e^a for a in [−1/4, 0), Q0.31. */
function expNearZero(a: number): number {
  const x = a + 2 ** 28, x2 = roundedHigh(x, x), x3 = roundedHigh(x2, x), x4 = roundedHigh(x2, x2);
  const rest = divideByPower(roundedHigh(divideByPower(x4, 2) + x3, THIRD) + x2, 1);
  return EXP_EIGHTH + roundedHigh(EXP_EIGHTH, x + rest);
}

/** e^(−2^k) for k from −2, Q0.31. */
const EXP_POWERS = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242];

/** e^a for a ≤ 0 with `integerBits` integer bits → Q0.31. */
export function expOnNegative(a: number, integerBits: number): number {
  if (a === 0) return 2 ** 31 - 1;
  const fraction = 31 - integerBits, quarter = 2 ** (fraction - 2), within = (((a % quarter) + quarter) % quarter) - quarter, remainder = within - a;
  let result = expNearZero(multiplyByPower(within, integerBits));
  EXP_POWERS.forEach((factor, i) => {
    if (integerBits > i - 2 && Math.floor(remainder / 2 ** (fraction + i - 2)) % 2) result = roundedHigh(result, factor);
  });
  return result;
}

/** 48/17 and −32/17 in Q2.29. */
const FIRST = 1515870810, SLOPE = -1010580540;

/** 1 / x of a whole number as raw / 2^(31 + bits): three steps of Newton and Raphson. Source: TFLite common.h GetReciprocal. */
export function reciprocal(x: number): { raw: number; bits: number } {
  const left = Math.clz32(x), fraction = (x * 2 ** left) % 2 ** 32 - 2 ** 31, half = Math.trunc((fraction + 2 ** 31 - 1 + (fraction < 0 ? -1 : 1)) / 2);
  let y = FIRST + roundedHigh(half, SLOPE);
  for (let i = 0; i < 3; i++) y = (y + multiplyByPower(roundedHigh(y, 2 ** 29 - roundedHigh(half, y)), 2)) | 0;
  return { raw: multiplyByPower(y, 1), bits: 31 - left };
}

/** 1.5 in Q3.28, √½ in Q0.31. */
const THREE_HALVES = 402653184, ROOT_HALF = 1518500250;

/** 1 / √x of a whole number as multiplier / 2^31 · 2^shift: five steps of Newton and Raphson. Source: TFLite common.h GetInvSqrtQuantizedMultiplierExp. */
export function inverseRoot(x: number): { multiplier: number; shift: number } {
  if (x <= 1) return { multiplier: 2 ** 31 - 1, shift: 0 };
  let input = x, right = 11;
  for (; input >= 2 ** 29; right++) input = Math.floor(input / 4);
  const pairs = Math.floor((Math.clz32(input) - 1) / 2) - 1;
  right -= pairs;
  input *= 4 ** pairs;
  const half = divideByPower(input >> 1, 1);
  let y = 2 ** 28;
  for (let i = 0; i < 5; i++) {
    const cube = multiplyByPower(roundedHigh(roundedHigh(y, y), y), 6);
    y = multiplyByPower(roundedHigh(THREE_HALVES, y) - roundedHigh(half, cube), 3);
  }
  return { multiplier: roundedHigh(y, ROOT_HALF) * 2 ** Math.max(0, -right), shift: -Math.max(0, right) };
}

/** x · multiplier / 2^31 · 2^shift, rounded twice. Source: TFLite common.h MultiplyByQuantizedMultiplier. */
export const multiplied = (x: number, { multiplier, shift }: { multiplier: number; shift: number }): number =>
  divideByPower(roundedHigh(saturated(x * 2 ** Math.max(0, shift)), multiplier), Math.max(0, -shift));

export const saturated16 = (x: number): number => Math.max(-32768, Math.min(32767, x));

/** round(a · b / 2^15) of int16, halves up, saturating. */
export const roundedHigh16 = (a: number, b: number): number => saturated16(Math.floor((a * b + 16384) / 32768));
