/** What users read when loading or running goes wrong, and the calls that need no array of their own. */
import { beforeAll, expect, test, vi } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { load, type Model } from "../../targets/node/index.ts";
import { random } from "../kernels/random.ts";

let file: Uint8Array, model: Model;
beforeAll(async () => {
  const b = new GraphBuilder("test", "dense"), r = random(3), x = b.input("x", "float32", [1, 20]);
  b.output(b.add("dense", [x, b.constant("w", "float32", [7, 20], r.floats(140))], { clamp: [0, Infinity] }, ["y"]));
  file = (await compile(b.graph)).model;
  model = await load(file);
});

const code = (name: string) => expect.objectContaining({ code: `ERR_OCTAVO_${name}` });
const thrown = (call: () => unknown) => { try { return call(); } catch (e) { return e; } };

test("a model larger than maxMemory", () => expect(load(file, { maxMemory: 1000 })).rejects.toEqual(code("MEMORY")));
test("a file that is not there", () => expect(load("/nowhere/model.octavo")).rejects.toEqual(code("SOURCE")));
test("no source at all", () => expect(load(undefined as never)).rejects.toEqual(code("SOURCE")));
test("a web page instead of a model", () => expect(load(new Response("<!doctype html><title>404</title>"))).rejects.toEqual(code("FETCH")));
test("an answer that is no success", () => expect(load(new Response("gone", { status: 410 }))).rejects.toEqual(code("FETCH")));
test("a file cut off", () => expect(load(file.slice(0, -3))).rejects.toEqual(code("FORMAT")));
test("a byte changed", () => expect(load(file.map((b, i) => (i === 500 ? b ^ 1 : b)))).rejects.toEqual(code("FORMAT")));
test("a newer abi", () => {
  const newer = file.slice();
  newer[8] = 99;
  return expect(load(newer, { integrity: false })).rejects.toEqual(code("VERSION"));
});
test("an engine without the build", () => expect(load(file, { builds: [] })).rejects.toEqual(code("HOST")));
test("an aborted load", () => expect(load(file, { signal: AbortSignal.abort() })).rejects.toThrow());
test("the kernels have memory of their own before the model file is there", async () => {
  let arrive!: (bytes: ArrayBuffer) => void;
  const instances = vi.spyOn(WebAssembly, "Instance"), coming = new Promise<ArrayBuffer>((resolve) => { arrive = resolve; }), loading = load({ arrayBuffer: () => coming });
  expect(instances).toHaveBeenCalledOnce();
  arrive(file.slice().buffer as ArrayBuffer);
  expect((await loading).save()).toEqual(file);
  expect(instances).toHaveBeenCalledOnce();
  instances.mockRestore();
});

test("another length and another type of input", () => {
  expect(thrown(() => model.run(new Float32Array(19)))).toEqual(code("SHAPE"));
  expect(thrown(() => model.run(new Int32Array(20)))).toEqual(code("DTYPE"));
  expect(thrown(() => model.run({ z: new Float32Array(20) }))).toEqual(code("SHAPE"));
  expect(thrown(() => model.runRaw(new Int8Array(20)))).toEqual(code("DTYPE"));
});

test("several samples equal as many runs, by position and by name", () => {
  const x = random(4).floats(60), one = (i: number) => model.run(x.subarray(20 * i, 20 * (i + 1)));
  expect(model.run(x)).toEqual(Float32Array.from([...one(0), ...one(1), ...one(2)]));
  expect(model.run({ x })).toEqual({ y: model.run(x) });
});

test("runInto writes into the caller's array, results of run are copies", () => {
  const x = random(5).floats(20), y = new Float32Array(7), first = model.run(x);
  model.runInto(x, y);
  expect(y).toEqual(first);
  model.run(new Float32Array(20).fill(9));
  expect(y).toEqual(first);
  expect(thrown(() => model.runInto(x, new Float32Array(6)))).toEqual(code("SHAPE"));
});

test("saved is what was loaded; disposed is over", async () => {
  const copy = await load(model.save());
  expect(copy.save()).toEqual(file);
  copy.dispose();
  for (const call of [() => copy.run(new Float32Array(20)), () => copy.reset(), () => copy.save()]) expect(thrown(call)).toEqual(code("DISPOSED"));
});
