import { REFUSED, between, reads, sizes, writes } from "../check";
import { absoluteErrors, crossEntropy, distillation, huber, likelihoods, sigmoidCrossEntropy, squaredErrors } from "./loss.rows";

/** Parameters of loss, written by converter/lower/loss.ts. `kind`: see lossKinds in converter/ir/ops.train.ts · `index`: labels are classes */
@unmanaged
export class Loss {
  prediction: usize; labels: usize; weights: usize; loss: usize; d: usize; t: usize;
  samples: i32; rows: i32; C: i32; kind: i32; index: i32;
  parameter: f32;
}

const SIGMOID: i32 = 1, SQUARED: i32 = 2, ABSOLUTE: i32 = 3, HUBER: i32 = 4, DISTILLATION: i32 = 5, LIKELIHOOD: i32 = 6;

/** Bytes of one row in scratch. */
// @ts-ignore: decorator
@inline
function rowBytes(C: i32): i32 {
  return ((C + 3) & ~3) << 2;
}

export function checkLoss(p: Loss): f64 {
  if (!sizes(p.samples, p.rows, p.C) || !between(p.kind, 0, LIKELIHOOD)) return REFUSED;
  const rows = <f64>p.samples * <f64>p.rows, total = rows * <f64>p.C, labels = p.index ? rows : total;
  const inside = reads(p.prediction, 4 * total) && reads(p.labels, 4 * labels) && reads(p.weights, 4 * <f64>p.samples) && writes(p.loss, 4) && writes(p.d, 4 * total) && writes(p.t, 3 * <f64>rowBytes(p.C));
  return inside ? 64 * total + 256 * rows : REFUSED;
}

/**
 * Loss of a batch and its gradient by the prediction. A row counts weights[n] / rows: n its sample, of which it is one of `rows`.
 *   loss = Σ weight · l(prediction[row], target[row]) · d = weight · ∂l, rows ascending, the sum in float64
 * prediction, d f32 [samples,rows,C] · labels f32, classes [samples,rows] or targets [samples,rows,C] · weights f32 [samples]
 * loss f32 · t f32 [3][C up to a multiple of 4]. Checked at load by checkLoss.
 * A row of weight 0 is not looked at: its d is 0. A class that is none of 0 … C − 1 makes the loss NaN.
 */
export function loss(p: Loss, part: i32, parts: i32): void {
  if (part) return;
  const bytes = 4 * p.C, count = p.samples * p.rows;
  let sum: f64 = 0;
  for (let row = 0; row < count; row++) {
    const weight = load<f32>(p.weights + 4 * (row / p.rows)) / <f32>p.rows, d = p.d + row * bytes, result = p.t + rowBytes(p.C);
    if (weight == 0) {
      memory.fill(d, 0, bytes);
      continue;
    }
    sum += <f64>weight * lossOfRow(p, p.prediction + row * bytes, targetOf(p, row), result, weight);
    memory.copy(d, result, bytes);
  }
  store<f32>(p.loss, <f32>sum);
}

/** Address of the row's target: in labels, or 1 at its class and 0 elsewhere in t. */
function targetOf(p: Loss, row: i32): usize {
  if (!p.index) return p.labels + 4 * row * p.C;
  const label = load<f32>(p.labels + 4 * row), isClass = label >= 0 && label < <f32>p.C && floor(label) == label;
  memory.fill(p.t, 0, rowBytes(p.C));
  store<f32>(p.t + (isClass ? <usize>label << 2 : 0), isClass ? 1 : f32.NaN);
  return p.t;
}

/** Returns the loss of a row; weight times its gradient to d, the losses of its elements to the row behind d. */
function lossOfRow(p: Loss, x: usize, target: usize, d: usize, weight: f32): f64 {
  const C = p.C, kind = p.kind, losses = d + rowBytes(C), mean = weight / <f32>C;
  if (kind == SIGMOID) return sigmoidCrossEntropy(x, target, C, d, losses, mean) / <f64>C;
  if (kind == SQUARED) return squaredErrors(x, target, C, d, losses, mean) / <f64>C;
  if (kind == ABSOLUTE) return absoluteErrors(x, target, C, d, losses, mean) / <f64>C;
  if (kind == HUBER) return huber(x, target, C, d, losses, mean, p.parameter) / <f64>C;
  if (kind == DISTILLATION) return distillation(x, target, C, d, losses, weight, p.parameter, p.t);
  if (kind == LIKELIHOOD) return likelihoods(x, target, C, d, losses, weight);
  return crossEntropy(x, target, C, d, losses, weight);
}
