/** A batch in parts: as many rows at a time as the training arena has room for, gradients added up. */
import type { Memory } from "./memory.ts";
import { fillPart, type Samples } from "./samples.ts";

/**
 * Forward and backward of the samples order[from], …, order[from + rows − 1].
 * @param weights per sample, divided by `total` · @param ran after each part: its first position, its rows, their loss
 * @returns the loss of all rows; that of the first part where it is not finite, and the others are left out
 */
export function gradientOf(m: Memory, samples: Samples, order: ArrayLike<number>, from: number, rows: number, weights: ArrayLike<number>, total: number,
  ran?: (first: number, count: number, loss: number) => void): number {
  const { part } = m.task.info, end = from + rows;
  let loss = 0;
  for (let first = from; first < end; first += part) {
    const count = Math.min(part, end - first);
    fillPart(m, samples, order, first, count, weights, total);
    const own = m.gradient();
    if (!Number.isFinite(own)) return own;
    ran?.(first, count, own);
    loss += own;
  }
  return loss;
}
