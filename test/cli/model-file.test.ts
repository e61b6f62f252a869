import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { noClamp } from "../../converter/ir/ops.ts";
import { readNpy, writeNpy, type NpyArray } from "../../targets/cli/npy.ts";
import { load } from "../../targets/node/index.ts";
import { octavo } from "./octavo.ts";

const folder = mkdtempSync(join(tmpdir(), "octavo-file-")), at = (name: string) => join(folder, name);
const save = (name: string, array: NpyArray) => (writeFileSync(at(name), writeNpy(array)), at(name));
const f32 = (shape: number[], ...values: number[]): NpyArray => ({ dtype: "float32", shape, data: Float32Array.from(values) });
const model = at("model.octavo");
let x: string, labels: string;

/** y = W x + b with x [1,2] and y [1,3]: (x0, x1, x0 + x1 − 1) */
async function dense(): Promise<Uint8Array> {
  const g = new GraphBuilder("onnx", "plane");
  g.input("x", "float32", [1, 2]);
  const w = g.constant("w", "float32", [3, 2], Float32Array.of(1, 0, 0, 1, 1, 1)), b = g.constant("b", "float32", [3], Float32Array.of(0, 0, -1));
  g.add("dense", ["x", w, b], { clamp: noClamp }, ["y"]);
  g.output("y");
  return (await compile(g.graph, { metadata: { precision: "float32", classes: ["left", "right", "both"] } })).model;
}

beforeAll(async () => {
  writeFileSync(model, await dense());
  x = save("x.npy", f32([4, 2], 5, 0, 0, 5, 5, 5, 3, 2));
  labels = save("labels.npy", { dtype: "int64", shape: [4], data: Float64Array.of(0, 1, 2, 0) });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const json = (r: { code: number; out: string; err: string }) => {
  expect({ code: r.code, err: r.err }).toEqual({ code: 0, err: "" });
  return JSON.parse(r.out) as Record<string, never>;
};

describe("run", () => {
  test("writes the answers of all samples", async () => {
    const { code, out, err } = await octavo("run", model, "--input", x, "--output", at("y.npy"));
    expect({ code, out }).toEqual({ code: 0, out: "" });
    expect(err).toContain("4 samples");
    expect(readNpy(new Uint8Array(readFileSync(at("y.npy"))), "y")).toEqual(f32([4, 3], 5, 0, 4, 0, 5, 4, 5, 5, 9, 3, 2, 4));
  });
  for (const build of ["scalar", "simd"]) test(`with the ${build} build`, async () => expect(json(await octavo("run", model, "--input", x, "--build", build, "--json"))).toMatchObject({ build }));
  test("takes other number types as real numbers", async () => {
    const ints = save("ints.npy", { dtype: "uint8", shape: [1, 2], data: Uint8Array.of(7, 9) });
    expect(json(await octavo("run", model, "--input", ints, "--json"))).toMatchObject({ raw: false, outputs: { y: { shape: [1, 3], values: [7, 9, 15] } } });
  });
  test("prints class names", async () => {
    const { err } = await octavo("run", model, "--input", x, "--top", 2);
    expect(err).toMatch(/2 +both 9 +left 5/);
  });
  test("reads an npz and writes one", async () => {
    await octavo("run", model, "--input", `x=${x}`, "--output", at("y.npz"));
    expect(json(await octavo("run", model, "--input", x, "--output", at("y.npz"), "--json"))).toMatchObject({ outputs: { y: { dtype: "float32", shape: [4, 3] } }, count: 4 });
  });
  test("refuses another shape and writes nothing", async () => {
    const wrong = save("wrong.npy", f32([2, 3], 1, 2, 3, 4, 5, 6));
    const { code, err } = await octavo("run", model, "--input", wrong, "--output", at("never.npy"));
    expect(code).toBe(1);
    expect(err).toMatch(/\[2, 3\] does not fit input "x", expected \[N, 2\]/);
    expect(() => readFileSync(at("never.npy"))).toThrow();
  });
});

describe("eval", () => {
  test("top1", async () => expect(json(await octavo("eval", model, "--data", x, "--labels", labels, "--json"))).toMatchObject({ metric: "top1", value: 0.75, count: 4 }));
  test("to people", async () => expect((await octavo("eval", model, "--data", x, "--labels", labels)).err).toContain("top1 75.00 % of 4 samples"));
  test("mse", async () => {
    const wanted = save("wanted.npy", f32([1, 3], 5, 0, 6)), one = save("one.npy", f32([1, 2], 5, 0));
    expect(json(await octavo("eval", model, "--data", one, "--labels", wanted, "--metric", "mse", "--json"))).toMatchObject({ metric: "mse", value: 4 / 3 });
  });
});

test("eval refuses a metric that is not finite", async () => {
  const wanted = save("nan.npy", f32([1, 3], 5, NaN, 6)), one = save("one.npy", f32([1, 2], 5, 0)), { code, err } = await octavo("eval", model, "--data", one, "--labels", wanted, "--metric", "mae");
  expect(code).toBe(1);
  expect(err).toMatch(/mae is NaN/);
});

test("the SDK loads the file by its path, by URL and from a Buffer", async () => {
  for (const source of [model, pathToFileURL(model), readFileSync(model)]) {
    const loaded = await load(source);
    expect([...loaded.run(Float32Array.of(1, 2))]).toEqual([1, 2, 2]);
    expect(loaded.save()).toEqual(new Uint8Array(readFileSync(model)));
  }
});

test("inspect tells inputs, outputs, layers and sizes", async () => {
  const found = json(await octavo("inspect", model, "--json"));
  expect(found).toMatchObject({ kind: "model file", inputs: [{ name: "x", shape: [1, 2], dtype: "float32" }], outputs: [{ name: "y", shape: [1, 3] }], macs: 6, layers: [{ op: "dense", outputs: [{ size: 3 }] }] });
  expect(found.fileBytes).toBe(readFileSync(model).length);
  expect((await octavo("inspect", model)).err).toMatch(/plane: float32/);
});

test("bench measures", async () => {
  const found = json(await octavo("bench", model, "--runs", 20, "--json")) as unknown as Record<string, number>;
  expect(found.runs).toBe(20);
  expect(found.medianMs).toBeGreaterThan(0);
  expect(found.p95Ms).toBeGreaterThanOrEqual(found.medianMs!);
  expect((await octavo("bench", model, "--runs", 20)).err).toContain("median");
});

describe("a damaged file ends with 1 and one line", () => {
  const whole = () => new Uint8Array(readFileSync(model));
  const cases: [string, () => Uint8Array, RegExp][] = [
    ["truncated", () => whole().subarray(0, 300), /300 bytes/],
    ["a flipped bit", () => { const b = whole(); b[270]! ^= 1; return b; }, /SHA-256/],
    ["only the magic", () => whole().subarray(0, 4), /magic/],
  ];
  for (const [name, bytes, message] of cases)
    for (const command of ["run", "inspect", "bench"])
      test(`${name}: ${command}`, async () => {
        writeFileSync(at("bad.octavo"), bytes());
        const { code, out, err } = await octavo(command, at("bad.octavo"), ...(command === "run" ? ["--input", x] : []));
        expect({ code, out }).toEqual({ code: 1, out: "" });
        expect(err).toMatch(message);
      });
});
