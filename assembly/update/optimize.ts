import { REFUSED, size, writes } from "../check";
import { adagrad, rmsprop } from "./adagrad";
import { adam } from "./adam";
import { Hyper } from "./hyper";
import { momentum, sgd } from "./sgd";

/** Parameters of optimize, written by converter/train/programs.ts. m, v: slots of the optimizer's state, 0 where there are none */
@unmanaged
export class Optimize {
  hyper: usize; w: usize; g: usize; m: usize; v: usize;
  n: i32;
}

const HYPER_BYTES: f64 = 64, SGD: i32 = 0, MOMENTUM: i32 = 1, NESTEROV: i32 = 2, ADAM: i32 = 3, ADAMW: i32 = 4, ADAGRAD: i32 = 5, RMSPROP: i32 = 6;

export function checkOptimize(p: Optimize): f64 {
  const bytes = 4 * <f64>p.n;
  if (!size(p.n) || p.n & 3 || !writes(p.hyper, HYPER_BYTES) || !writes(p.w, bytes) || !writes(p.g, bytes)) return REFUSED;
  return (p.m == 0 || writes(p.m, bytes)) && (p.v == 0 || writes(p.v, bytes)) ? 32 * <f64>p.n : REFUSED;
}

/**
 * One step of the optimizer that hyper names, over all masters; PyTorch's formulas (torch.optim), step counted from 1.
 *   g' = clamp(g · min(1, clipNorm / (‖g‖ + 1e-6)), ±clipValue) + weightDecay · w, of adamw without the decay; then g = 0
 * w, g f32 [n], m, v f32 [n] or 0; n a multiple of 4. Checked at load by checkOptimize.
 * Nothing is changed, and hyper.refused set, where a gradient is not finite or the optimizer lacks a slot.
 */
export function optimize(p: Optimize, part: i32, parts: i32): void {
  if (part) return;
  const h = changetype<Hyper>(p.hyper), squares = sumOfSquares(p.g, p.n);
  h.refused = <i32>(!(squares < Infinity) || !hasSlots(p, h.optimizer));
  if (h.refused) return;
  h.beta1Power = <f64>h.momentum * (h.steps ? h.beta1Power : 1);
  h.beta2Power = <f64>h.beta2 * (h.steps ? h.beta2Power : 1);
  update(p, h, clipFactor(h.clipNorm, sqrt(squares)), h.clipValue > 0 ? h.clipValue : Infinity);
  h.steps++;
}

function hasSlots(p: Optimize, optimizer: i32): bool {
  return optimizer == SGD || (p.m != 0 && optimizer > SGD && optimizer <= RMSPROP && (p.v != 0 || (optimizer != ADAM && optimizer != ADAMW)));
}

function update(p: Optimize, h: Hyper, factor: f32, limit: f32): void {
  const optimizer = h.optimizer, rate = h.learningRate, decay = h.weightDecay;
  if (optimizer == SGD) sgd(p, factor, limit, decay, rate);
  else if (optimizer == MOMENTUM || optimizer == NESTEROV) momentum(p, factor, limit, decay, rate, h.momentum, h.steps ? 1 - h.dampening : 1, optimizer == NESTEROV);
  else if (optimizer == ADAM) adam(p, h, factor, limit, decay, 1);
  else if (optimizer == ADAMW) adam(p, h, factor, limit, 0, 1 - rate * decay);
  else if (optimizer == ADAGRAD) adagrad(p, factor, limit, decay, rate, h.epsilon);
  else rmsprop(p, factor, limit, decay, rate, h.beta2, h.epsilon);
}

/** torch.nn.utils.clip_grad_norm_ */
function clipFactor(most: f32, norm: f64): f32 {
  return most > 0 ? <f32>min(1, <f64>most / (norm + 1e-6)) : 1;
}

/** Σ x² in float64, element i in sum i mod 4 as in sums.ts: finite if and only if every element is. n: a multiple of 4 */
function sumOfSquares(x: usize, n: i32): f64 {
  const end = x + 4 * n;
  if (ASC_FEATURE_SIMD) {
    let low = f64x2.splat(0), high = low;
    for (; x < end; x += 16) {
      const v = v128.load(x), a = f64x2.promote_low_f32x4(v), b = f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 1));
      low = f64x2.add(low, f64x2.mul(a, a));
      high = f64x2.add(high, f64x2.mul(b, b));
    }
    return (f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1)) + (f64x2.extract_lane(high, 0) + f64x2.extract_lane(high, 1));
  }
  let s0: f64 = 0, s1: f64 = 0, s2: f64 = 0, s3: f64 = 0;
  for (; x < end; x += 16) {
    s0 += square(x);
    s1 += square(x + 4);
    s2 += square(x + 8);
    s3 += square(x + 12);
  }
  return (s0 + s1) + (s2 + s3);
}

// @ts-ignore: decorator
@inline
function square(x: usize): f64 {
  const v = <f64>load<f32>(x);
  return v * v;
}
