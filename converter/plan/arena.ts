/**
 * A byte offset for every buffer, so that no two overlap while both are in use. Greedy by size, lowest gap that fits
 * (Pisarchyk & Lee, Efficient Memory Management for Deep Neural Net Inference, 2020).
 */
import type { Lifetime } from "./lifetimes.ts";

const ALIGN = 16;
const align = (n: number) => Math.ceil(n / ALIGN) * ALIGN;

export interface Placed extends Lifetime { offset: number }
export interface Arena {
  buffers: Placed[];
  bytes: number;
  /** The largest sum of buffers in use at one call: no plan can be smaller. */
  lowerBound: number;
}

const overlap = (a: Lifetime, b: Lifetime) => a.first <= b.last && b.first <= a.last;

function lowestGap(buffer: Lifetime, placed: readonly Placed[]): number {
  let offset = 0;
  for (const other of placed.filter((p) => overlap(p, buffer)).sort((a, b) => a.offset - b.offset)) {
    if (offset + buffer.bytes <= other.offset) break;
    offset = Math.max(offset, align(other.offset + other.bytes));
  }
  return offset;
}

/** Largest sum of bytes in use at any one time. */
function peak(buffers: readonly Lifetime[]): number {
  const times = new Set(buffers.map((b) => b.first));
  return Math.max(0, ...[...times].map((t) => buffers.reduce((sum, b) => (b.first <= t && t <= b.last ? sum + align(b.bytes) : sum), 0)));
}

export function planArena(buffers: readonly Lifetime[]): Arena {
  const orders = [
    (a: Lifetime, b: Lifetime) => b.bytes - a.bytes || a.first - b.first,
    (a: Lifetime, b: Lifetime) => a.first - b.first || b.bytes - a.bytes,
    (a: Lifetime, b: Lifetime) => b.bytes * (b.last - b.first + 1) - a.bytes * (a.last - a.first + 1),
  ];
  const plans = orders.map((order) => {
    const placed: Placed[] = [];
    for (const buffer of [...buffers].sort(order)) placed.push({ ...buffer, offset: lowestGap(buffer, placed) });
    return { buffers: placed, bytes: Math.max(0, ...placed.map((p) => align(p.offset + p.bytes))) };
  });
  const best = plans.reduce((a, b) => (b.bytes < a.bytes ? b : a));
  return { ...best, lowerBound: peak(buffers) };
}
