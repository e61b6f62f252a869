import { describe, expect, test } from "vitest";
import { sensitiveLayers } from "../../converter/auto.ts";

/** Layers whose quantization costs the metric so much each; a "model file" is the set of those that are int8. */
function search(costs: Record<string, number>, maxDrop: number) {
  const names = Object.keys(costs), built: string[][] = [];
  const build = async (kept: ReadonlySet<string>) => (built.push([...kept]), new TextEncoder().encode(names.filter((n) => !kept.has(n)).join(" ")));
  const cost = (model: Uint8Array) => new TextDecoder().decode(model).split(" ").filter(Boolean).reduce((sum, n) => sum + costs[n]!, 0);
  return { built, run: () => sensitiveLayers({ candidates: names, build, judge: { drop: cost, distance: cost, maxDrop } }) };
}
const costs = { a: 0.1, b: 3, c: 0.2, d: 1, e: 0.1, f: 0.4, g: 0 };

describe("layers that stay float", () => {
  test("none where int8 is good enough", async () => {
    const { built, run } = search(costs, 10);
    expect([...(await run())]).toEqual([]);
    expect(built).toHaveLength(1);
  });
  for (const [maxDrop, kept] of [[2, "b"], [1, "b d"], [0.4, "b d f"], [0.2, "b d f c"], [0.1, "b d f c a"], [0, "b d f c a e"]] as const)
    test(`the fewest for a drop of ${maxDrop}`, async () => expect([...(await search(costs, maxDrop).run())].join(" ")).toBe(kept));
  test("refuses where float itself is not good enough", async () => {
    await expect(sensitiveLayers({ candidates: ["a", "b"], build: async () => new Uint8Array(0), judge: { drop: () => 5, distance: () => 1, maxDrop: 1 } })).rejects.toThrow(/drops by more than 1/);
  });
});
