/**
 * Rare functions, one element at a time in float64 and rounded once: log, sin, cos, pow, remainders, atan2. Only + − × ÷
 * and bits, so every engine returns the same bytes. Series are summed by loops: short code matters more here than speed.
 */

const LN2_HIGH: f64 = 6.93147180369123816490e-1, LN2_LOW: f64 = 1.90821492927058770002e-10;
/** π/2 in two parts, the first of 33 bits: n times it is exact for |n| < 2^20. */
const HALF_PI_HIGH: f64 = 1.57079632673412561417, HALF_PI_LOW: f64 = 6.07710050650619224932e-11;

/** log(2^e · m), √½ ≤ m < √2: log m = 2 Σ s^(2k+1) / (2k+1), s = (m − 1) / (m + 1). */
export function log(x: f64): f64 {
  if (!(x > 0)) return x == 0 ? -Infinity : NaN;
  if (x == Infinity) return x;
  const bits = reinterpret<i64>(x), over = bits - 0x3fe6a09e667f3bcd;
  const e = <f64>(over >> 52), m = reinterpret<f64>(bits - (over >> 52 << 52)), s = (m - 1) / (m + 1), z = s * s;
  let p: f64 = 0;
  for (let k = 19; k > 0; k -= 2) p = 1 / <f64>k + z * p;
  return e * LN2_HIGH + (2 * s * p + e * LN2_LOW);
}

/** Taylor series on |r| ≤ ln 2 / 2. */
export function exp(x: f64): f64 {
  const t = min(max(x, -700), 700), n = nearest(t * 1.44269504088896338700), r = t - n * LN2_HIGH - n * LN2_LOW;
  let p: f64 = 1;
  for (let k = 11; k > 0; k--) p = 1 + r / <f64>k * p;
  return p * reinterpret<f64>((<i64>n + 1023) << 52);
}

/** Remainder with the sign of a, exact: b is scaled up by powers of two and subtracted where it fits. */
export function remainder(a: f64, b: f64): f64 {
  let r = abs(a), step = abs(b);
  if (!(r < Infinity) || !(step > 0)) return NaN;
  if (step == Infinity) return a;
  while (step * 2 <= r) step *= 2;
  for (; step >= abs(b); step *= 0.5) if (r >= step) r -= step;
  return copysign(r, a);
}

/** sin x, or cos x for a quarter of 1. */
export function sin(x: f64, quarter: i32): f64 {
  const t = abs(x) < 1e6 ? x : remainder(x, 4 * (HALF_PI_HIGH + HALF_PI_LOW)), n = nearest(t * (2 / Math.PI));
  const r = t - n * HALF_PI_HIGH - n * HALF_PI_LOW, z = r * r, turn = <i32>n + quarter;
  let p: f64 = 1;
  if (turn & 1) for (let k = 14; k > 0; k -= 2) p = 1 - z / <f64>(k * (k - 1)) * p;
  else for (let k = 15; k > 1; k -= 2) p = 1 - z / <f64>(k * (k - 1)) * p;
  const value = turn & 1 ? p : r * p;
  return turn & 2 ? -value : value;
}

/** |x|^y = e^(y log |x|); a negative base has whole exponents only. */
export function pow(x: f64, y: f64): f64 {
  if (y == 0) return 1;
  const whole = trunc(y) == y, odd = whole && trunc(y * 0.5) != y * 0.5;
  const value = x == 0 ? (y > 0 ? 0 : Infinity) : exp(y * log(abs(x)));
  if (copysign(1, x) > 0) return value;
  return odd ? -value : whole || x == 0 ? value : NaN;
}

/** atan on [0, 1] is reduced to |t| ≤ tan(π/8); the quadrant follows from the signs. */
export function atan2(y: f64, x: f64): f64 {
  const a = abs(x), b = abs(y), larger = max(a, b), q = larger == 0 ? 0 : min(a, b) / larger, far = q > 0.4142135623730950;
  const t = far ? (q - 1) / (q + 1) : q, z = t * t;
  let p: f64 = 0;
  for (let k = 25; k > 0; k -= 2) p = 1 / <f64>k - z * p;
  let angle = t * p + (far ? Math.PI / 4 : 0);
  if (b > a) angle = Math.PI / 2 - angle;
  if (copysign(1, x) < 0) angle = Math.PI - angle;
  return copysign(angle, y);
}
