import { describe, expect, test } from "vitest";
import { optimise } from "../../converter/optimise/index.ts";
import { randomGraph } from "./random-graphs.ts";
import { expectSame, opsOf } from "./support.ts";

/** More by OCTAVO_RANDOM_GRAPHS=20000. */
const count = Number(process.env["OCTAVO_RANDOM_GRAPHS"] ?? 400), perTest = 50;
/** A value that stands exactly between two integers may be rounded either way after a rewrite. */
const step = 0.06;

describe("random graphs compute the same after optimise, and optimising twice changes nothing", () => {
  for (let first = 0; first < count; first += perTest) test(`seeds ${first} to ${first + perTest - 1}`, () => {
    for (let seed = first; seed < first + perTest; seed++) {
      const before = randomGraph(seed), after = optimise(before);
      try {
        expectSame(before, after, opsOf(before).includes("quantize") ? step : 2e-5);
        expect(opsOf(optimise(after))).toEqual(opsOf(after));
      } catch (e) {
        throw new Error(`seed ${seed}`, { cause: e });
      }
    }
  }, 60_000);
});
