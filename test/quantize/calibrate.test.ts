/** Ranges from samples: streaming, states, and what is refused. */
import { expect, test } from "vitest";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { OctavoError } from "../../converter/ir/error.ts";
import { calibrate, type Sample } from "../../converter/quantize/calibrate.ts";
import { convNet, samplesFor } from "./nets.ts";

const failure = async (work: Promise<unknown>): Promise<OctavoError> => work.then(() => { throw new Error("accepted"); }, (e: OctavoError) => e);

function identity() {
  const g = new GraphBuilder("test", "identity");
  g.input("x", "float32", [2]);
  g.output(g.add("affine", ["x"], { alpha: 2, beta: 0 }, ["y"]));
  return g.graph;
}

test("ranges cover what was seen, over any number of samples", async () => {
  const samples: Sample[] = [[1, -3], [5, 0], [2, 2]].map((x) => new Map([["x", Float32Array.from(x)]]));
  const ranges = await calibrate(identity(), samples, { method: "minmax" });
  expect(ranges.get("x")).toMatchObject({ low: -3, high: 5 });
  expect(ranges.get("y")).toMatchObject({ low: -6, high: 10 });
});

test("an output of which few values were seen gets room for more extreme ones, an inner tensor does not", async () => {
  const range = async (count: number) => (await calibrate(identity(), Array.from({ length: count }, (_, i) => new Map([["x", Float32Array.of(i / count, -1)]])))).get("y")!;
  const few = await range(5), many = await range(50000);
  expect(few.low).toBeLessThan(-4);
  expect(few.low).toBeGreaterThan(-5);
  expect(many.low).toBeCloseTo(-2, 5);
});

test("a stream gives what an array gives", async () => {
  const net = convNet(), samples = samplesFor(net, 5);
  async function* stream() { yield* samples; }
  expect(await calibrate(net, stream())).toEqual(await calibrate(net, samples));
});

test("NaN names sample and tensor", async () => {
  const error = await failure(calibrate(identity(), [new Map([["x", Float32Array.of(1, 2)]]), new Map([["x", Float32Array.of(1, NaN)]])]));
  expect(error.code).toBe("ERR_OCTAVO_NAN");
  expect(error.message).toMatch(/sample 1, input "x": element 1 is NaN/);
});

test("an infinite input is refused, an infinite inner value leaves its tensor without a range", async () => {
  expect((await failure(calibrate(identity(), [new Map([["x", Float32Array.of(1, -Infinity)]])]))).code).toBe("ERR_OCTAVO_NAN");
  const ranges = await calibrate(identity(), [new Map([["x", Float32Array.of(3e38, 1)]])]);
  expect(ranges.has("y")).toBe(false);
  expect(ranges.has("x")).toBe(true);
});

test("no samples is an error", async () => {
  const error = await failure(calibrate(identity(), []));
  expect(error.code).toBe("ERR_OCTAVO_SHAPE");
  expect(error.message).toMatch(/no samples/);
});

test("a state is carried from sample to sample", async () => {
  const g = new GraphBuilder("test", "sum");
  g.input("x", "float32", [1]);
  g.input("s", "float32", [1]);
  g.output(g.add("add", ["x", "s"], { clamp: [-Infinity, Infinity] }, ["t"]));
  g.graph.inputs = ["x"];
  g.graph.states = [{ input: "s", output: "t", initial: Float32Array.of(10) }];
  const ranges = await calibrate(g.graph, Array.from({ length: 4 }, () => new Map([["x", Float32Array.of(1)]])), { method: "minmax" });
  expect(ranges.get("t")).toMatchObject({ low: 11, high: 14 });
});

test("an aborted signal stops it", async () => {
  await expect(calibrate(convNet(), samplesFor(convNet(), 3), { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
});
