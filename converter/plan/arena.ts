/**
 * A byte offset for every buffer, so that no two overlap while both are in use. Greedy by size, lowest gap that fits
 * (Pisarchyk & Lee, Efficient Memory Management for Deep Neural Net Inference, 2020).
 */
import type { Lifetime } from "./lifetimes.ts";
import { Timeline } from "./timeline.ts";

const ALIGN = 16;
const align = (n: number) => Math.ceil(n / ALIGN) * ALIGN;

export interface Placed extends Lifetime { offset: number }
export interface Arena {
  buffers: Placed[];
  bytes: number;
  /** The largest sum of buffers in use at one call: no plan can be smaller. */
  lowerBound: number;
}

/** @param others those in use at the same time */
function lowestGap(bytes: number, others: Placed[]): number {
  let offset = 0;
  for (const other of others.sort((a, b) => a.offset - b.offset)) {
    if (offset + bytes <= other.offset) break;
    offset = Math.max(offset, align(other.offset + other.bytes));
  }
  return offset;
}

function place(buffers: readonly Lifetime[]): { buffers: Placed[]; bytes: number } {
  const timeline = new Timeline<Placed>(buffers), placed = buffers.map((buffer) => timeline.add({ ...buffer, offset: lowestGap(buffer.bytes, timeline.during(buffer)) }));
  return { buffers: placed, bytes: placed.reduce((most, p) => Math.max(most, align(p.offset + p.bytes)), 0) };
}

/** Largest sum of bytes in use at any one time. */
function peak(buffers: readonly Lifetime[]): number {
  const steps = buffers.flatMap(({ first, last, bytes }) => [{ at: first, change: align(bytes) }, { at: last + 1, change: -align(bytes) }]).sort((a, b) => a.at - b.at || a.change - b.change);
  let now = 0, most = 0;
  for (const { change } of steps) most = Math.max(most, now += change);
  return most;
}

export function planArena(buffers: readonly Lifetime[]): Arena {
  const orders = [
    (a: Lifetime, b: Lifetime) => b.bytes - a.bytes || a.first - b.first,
    (a: Lifetime, b: Lifetime) => a.first - b.first || b.bytes - a.bytes,
    (a: Lifetime, b: Lifetime) => b.bytes * (b.last - b.first + 1) - a.bytes * (a.last - a.first + 1),
  ];
  const plans = orders.map((order) => place([...buffers].sort(order))), best = plans.reduce((a, b) => (b.bytes < a.bytes ? b : a));
  return { ...best, lowerBound: peak(buffers) };
}
