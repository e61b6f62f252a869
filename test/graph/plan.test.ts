/** Places in the arena: the plan of the plain definition, and sharing in chains of any length. */
import { expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { planArena } from "../../converter/plan/arena.ts";
import type { Lifetime } from "../../converter/plan/lifetimes.ts";
import { Timeline } from "../../converter/plan/timeline.ts";
import { random } from "../quantize/nets.ts";

const meet = (a: Lifetime, b: Lifetime) => a.first <= b.last && b.first <= a.last;
const aligned = (n: number) => Math.ceil(n / 16) * 16;

/** Short and long lives, empty buffers and equal ones among them. */
function lives(count: number, seed: number): Lifetime[] {
  const next = random(seed), below = (n: number) => Math.floor(next() * n);
  return Array.from({ length: count }, (_, i) => {
    const first = below(count) - 1, last = Math.min(count, first + below(i % 7 ? 5 : count));
    return { id: `${i}`, bytes: below(5) * below(100), first, last };
  });
}

test.each([1, 2, 3, 4, 5])("timeline %i: what is in use during a span is found, each item once", (seed) => {
  const all = lives(90, seed), timeline = new Timeline<Lifetime>(all), added: Lifetime[] = [];
  for (const span of all) {
    expect(timeline.during(span).map((s) => s.id).sort()).toEqual(added.filter((a) => meet(a, span)).map((s) => s.id).sort());
    added.push(timeline.add(span));
  }
});

test.each([1, 2, 3, 4, 5])("arena %i: nothing in use at the same time overlaps, and the lower bound is the largest sum in use", (seed) => {
  const all = lives(120, seed), { buffers, bytes, lowerBound } = planArena(all);
  expect(buffers.map((b) => b.id).sort()).toEqual(all.map((b) => b.id).sort());
  for (const [i, a] of buffers.entries()) {
    expect(a.offset % 16 === 0 && a.offset + a.bytes <= bytes).toBe(true);
    for (const b of buffers.slice(i + 1)) expect(meet(a, b) && a.bytes && b.bytes ? a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset : true).toBe(true);
  }
  const inUse = (at: number) => all.filter((b) => b.first <= at && at <= b.last).reduce((sum, b) => sum + aligned(b.bytes), 0);
  expect(lowerBound).toBe(Math.max(...all.map((b) => inUse(b.first))));
  expect(bytes).toBeGreaterThanOrEqual(lowerBound);
});

test("the first gap is taken: largest first, lowest place", () => {
  const { buffers, bytes } = planArena([{ id: "a", bytes: 64, first: 0, last: 1 }, { id: "b", bytes: 32, first: 1, last: 3 }, { id: "c", bytes: 48, first: 2, last: 3 }, { id: "d", bytes: 16, first: 2, last: 2 }]);
  expect(Object.fromEntries(buffers.map((b) => [b.id, b.offset]))).toEqual({ a: 0, b: 64, c: 0, d: 48 });
  expect(bytes).toBe(96);
});

test("a chain of 20,000 activations takes no more memory than a chain of two", async () => {
  const arenaOf = async (length: number) => {
    const g = new GraphBuilder("test", "chain");
    let x = g.input("x", "float32", [4, 8]);
    for (let i = 0; i < length; i++) x = g.add(i % 2 ? "sigmoid" : "tanh", [x], { alpha: 0, beta: 0 }, [`y${i}`]);
    g.output(x);
    return (await compile(g.graph)).arena.bytes;
  };
  expect(await arenaOf(20_000)).toBe(await arenaOf(2));
});
