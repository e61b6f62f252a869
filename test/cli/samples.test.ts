import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { writeNpy, writeNpz, type NpyArray } from "../../targets/cli/npy.ts";
import { encodeArrays, joinOutputs, readSamples } from "../../targets/cli/samples.ts";

const folder = mkdtempSync(join(tmpdir(), "octavo-samples-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const array = (...shape: number[]): NpyArray => ({ dtype: "float32", shape, data: Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => i) });
const save = (name: string, bytes: Uint8Array) => (writeFileSync(join(folder, name), bytes), join(folder, name));
const npy = (...shape: number[]) => save(`${shape.join("x")}.npy`, writeNpy(array(...shape)));
const port = (name: string, ...shape: number[]) => ({ name, shape, dtype: "float32" });
const read = (specs: string[], ...ports: ReturnType<typeof port>[]) => readSamples(specs, ports, "--input");

describe("samples along the first axis", () => {
  test("of a model with a batch axis of 1", async () => {
    const s = await read([npy(5, 2, 3)], port("x", 1, 2, 3));
    expect([s.count, s.single, [...s.at(0, 1)]]).toEqual([5, false, [6, 7, 8, 9, 10, 11]]);
  });
  test("of a model without one", async () => expect((await read([npy(5, 2, 3)], port("x", 2, 3))).count).toBe(5));
  test("in batches", async () => expect((await read([npy(6, 3)], port("x", 2, 3))).count).toBe(3));
  test("one sample in the model's own shape", async () => expect(await read([npy(2, 3)], port("x", 2, 3))).toMatchObject({ count: 1, single: true }));
  test("of scalars", async () => expect((await read([npy(4)], port("x"))).count).toBe(4));
  test("several inputs by name, in the model's order", async () => {
    const s = await read([`b=${npy(5, 3)}`, `a=${npy(5, 2)}`], port("a", 1, 2), port("b", 1, 3));
    expect([s.at(0, 1).length, s.at(1, 1).length]).toEqual([2, 3]);
  });
  test("several inputs in one npz", async () => {
    const file = save("two.npz", await writeNpz({ "in:0": array(5, 2), b: array(5, 3) }));
    expect((await read([file], port("in:0", 1, 2), port("b", 1, 3))).count).toBe(5);
  });
});

describe("refuses", () => {
  const cases: [string, () => Promise<unknown>, RegExp][] = [
    ["another shape", () => read([npy(5, 3, 2)], port("x", 1, 2, 3)), /\[5, 3, 2\] does not fit input "x", expected \[N, 2, 3\]/],
    ["a flattened one", () => read([npy(5, 6)], port("x", 1, 2, 3)), /does not fit/],
    ["no samples", () => read([npy(0, 2)], port("x", 1, 2)), /holds no sample/],
    ["a batch that does not divide", () => read([npy(5, 3)], port("x", 2, 3)), /does not fit/],
    ["different counts", () => read([`a=${npy(4, 2)}`, `b=${npy(5, 3)}`], port("a", 1, 2), port("b", 1, 3)), /4 and 5 samples/],
    ["a missing input", () => read([`a=${npy(4, 2)}`], port("a", 1, 2), port("b", 1, 3)), /no data for input "b" \[1, 3\]/],
    ["an unnamed file for two inputs", () => read([npy(4, 2)], port("a", 1, 2), port("b", 1, 3)), /Say which/],
    ["an unknown name", () => read([`c=${npy(4, 2)}`], port("a", 1, 2)), /no input "c"/],
    ["an image", () => read(["cat.png"], port("a", 1, 2)), /cat\.png": the preparation of its data is missing from the model, expected kind "image"/],
    ["a missing file", () => read([join(folder, "none.npy")], port("a", 1, 2)), /ENOENT/],
    ["text", () => read([save("text.npy", new TextEncoder().encode("1,2,3\n4,5,6\n"))], port("a", 1, 2)), /not those of a .npy/],
  ];
  for (const [name, work, message] of cases) test(name, () => expect(work()).rejects.toThrow(message));
});

describe("answers", () => {
  const y = [Float32Array.of(1, 2), Float32Array.of(3, 4)];
  test("join along a batch axis of 1", () => expect(joinOutputs(y, port("y", 1, 2), false, "float32")).toEqual({ dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }));
  test("stack where there is none", () => expect(joinOutputs(y, port("y", 2, 1), false, "float32").shape).toEqual([2, 2, 1]));
  test("keep their shape for one sample in the model's shape", () => expect(joinOutputs(y.slice(1), port("y", 2, 1), true, "float32").shape).toEqual([2, 1]));
  test("two need an npz", async () => {
    await expect(encodeArrays({ a: array(1), b: array(2) }, "y.npy")).rejects.toThrow(/\.npz/);
    expect((await encodeArrays({ a: array(1), b: array(2) }, "y.npz"))[0]).toBe(0x50);
  });
});
