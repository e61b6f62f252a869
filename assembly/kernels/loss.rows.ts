/**
 * Losses of one row x [n] and target q [n]: each returns Σ l, and leaves factor · ∂l/∂x in d and l in losses. Both may be
 * written, x and q read, up to a whole vector behind their ends. Sums as in sums.ts.
 */
import { log } from "../functions/slow";
import { LANES, at, clamp, ifEqual, ifLess, lane, larger, magnitude, minus, negated, over, plus, put, times } from "../lanes";
import { exp, sigmoid, softplus } from "../math";
import { DIFFERENCES, largestOf, sumOf } from "../sums";

// @ts-ignore: decorator
@inline
function total(x: usize, n: i32): f32 {
  return sumOf(DIFFERENCES, x, n, 0);
}

/** y = e^((x − most) / temperature); returns the sum. */
function exponentials(x: usize, n: i32, most: f32, temperature: f32, y: usize): f32 {
  for (let i = 0; i < n; i += LANES) put(y, i, exp(over(minus(at(x, i), lane(most)), lane(temperature))));
  return total(y, n);
}

/** l = q · −log softmax(x): where q is 0, x may be −∞. ∂l = Σq · softmax(x) − q */
export function crossEntropy(x: usize, q: usize, n: i32, d: usize, losses: usize, factor: f32): f64 {
  const most = largestOf(x, n), sum = exponentials(x, n, most, 1, d), logSum = lane(<f32>log(sum)), mass = lane(total(q, n)), zero = lane(0);
  for (let i = 0; i < n; i += LANES) {
    const target = at(q, i), p = over(at(d, i), lane(sum));
    put(losses, i, ifEqual(target, zero, zero, times(target, plus(minus(lane(most), at(x, i)), logSum))));
    put(d, i, times(lane(factor), minus(times(mass, p), target)));
  }
  return <f64>total(losses, n);
}

/** l = −q · x, x logarithms of probabilities. ∂l = −q */
export function likelihoods(x: usize, q: usize, n: i32, d: usize, losses: usize, factor: f32): f64 {
  const zero = lane(0);
  for (let i = 0; i < n; i += LANES) {
    const target = at(q, i);
    put(losses, i, ifEqual(target, zero, zero, negated(times(target, at(x, i)))));
    put(d, i, negated(times(lane(factor), target)));
  }
  return <f64>total(losses, n);
}

/** l = log(1 + e^x) − x · q, written so that large |x| keep their digits. ∂l = sigmoid(x) − q */
export function sigmoidCrossEntropy(x: usize, q: usize, n: i32, d: usize, losses: usize, factor: f32): f64 {
  for (let i = 0; i < n; i += LANES) {
    const z = at(x, i), target = at(q, i);
    put(losses, i, plus(softplus(negated(magnitude(z))), minus(larger(z, lane(0)), times(z, target))));
    put(d, i, times(lane(factor), minus(sigmoid(z), target)));
  }
  return <f64>total(losses, n);
}

/** l = (x − q)². ∂l = 2 (x − q) */
export function squaredErrors(x: usize, q: usize, n: i32, d: usize, losses: usize, factor: f32): f64 {
  for (let i = 0; i < n; i += LANES) {
    const e = minus(at(x, i), at(q, i));
    put(losses, i, times(e, e));
    put(d, i, times(lane(2 * factor), e));
  }
  return <f64>total(losses, n);
}

/** l = |x − q|. ∂l = its sign, 0 at 0 */
export function absoluteErrors(x: usize, q: usize, n: i32, d: usize, losses: usize, factor: f32): f64 {
  const zero = lane(0);
  for (let i = 0; i < n; i += LANES) {
    const e = minus(at(x, i), at(q, i));
    put(losses, i, magnitude(e));
    put(d, i, ifLess(e, zero, lane(-factor), ifLess(zero, e, lane(factor), zero)));
  }
  return <f64>total(losses, n);
}

/** l = e² / 2 for e = x − q up to ±delta, delta · (|e| − delta / 2) beyond. ∂l = e, bounded by ±delta */
export function huber(x: usize, q: usize, n: i32, d: usize, losses: usize, factor: f32, delta: f32): f64 {
  for (let i = 0; i < n; i += LANES) {
    const e = minus(at(x, i), at(q, i)), size = magnitude(e), far = times(lane(delta), minus(size, lane(0.5 * delta)));
    put(losses, i, ifLess(lane(delta), size, far, times(times(e, e), lane(0.5))));
    put(d, i, times(lane(factor), clamp(e, lane(-delta), lane(delta))));
  }
  return <f64>total(losses, n);
}

/** T² · KL(softmax(teacher / T) ‖ softmax(x / T)). ∂ = T · (softmax(x / T) − softmax(teacher / T)). t: one row of scratch */
export function distillation(x: usize, teacher: usize, n: i32, d: usize, losses: usize, factor: f32, T: f32, t: usize): f64 {
  const mostX = largestOf(x, n), mostQ = largestOf(teacher, n), sumX = exponentials(x, n, mostX, T, d), sumQ = exponentials(teacher, n, mostQ, T, t);
  const logX = lane(<f32>log(sumX)), logQ = lane(<f32>log(sumQ));
  for (let i = 0; i < n; i += LANES) {
    const p = over(at(d, i), lane(sumX)), q = over(at(t, i), lane(sumQ));
    const logP = minus(over(minus(at(x, i), lane(mostX)), lane(T)), logX), logTeacher = minus(over(minus(at(teacher, i), lane(mostQ)), lane(T)), logQ);
    put(losses, i, ifEqual(q, lane(0), lane(0), times(q, minus(logTeacher, logP))));
    put(d, i, times(lane(factor * T), minus(p, q)));
  }
  return <f64>T * <f64>T * <f64>total(losses, n);
}
