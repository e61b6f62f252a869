/** Source models on the command line: a look at what cannot be converted, and side files. */
import { mkdtempSync, rmSync, symlinkSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { writeNpy } from "../../targets/cli/npy.ts";
import { floats, modelOf, node, value } from "../formats/onnx-model.ts";
import { octavo } from "./octavo.ts";

const folder = mkdtempSync(join(tmpdir(), "octavo-source-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const put = (name: string, bytes: Uint8Array) => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

test("inspect describes what is left of a model that cannot be converted", async () => {
  const graph = {
    input: [value("x", [1, 4])], output: [value("y", [1, 3])], initializer: [floats("w", [4, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])],
    node: [node("MatMul", ["x", "w"], ["a"]), node("GridSample", ["a", "a"], ["b"]), node("Relu", ["b"], ["y"])], valueInfo: [value("b", [1, 3])],
  };
  const path = put("odd.onnx", modelOf(graph)), { code, out } = await octavo("inspect", path, "--json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    kind: "source model", format: "onnx", inputs: [{ name: "x", shape: [1, 4] }, { name: "b", shape: [1, 3] }], outputs: [{ name: "y" }, { name: "a" }],
    parameters: 12, macs: 12, operators: { dense: 1, clip: 1 }, unsupported: [expect.stringMatching(/GridSample ×1/)],
  });
  expect((await octavo("inspect", path)).err).toMatch(/cannot be converted[^]*unsupported: onnx: model: 1 operator is not supported: GridSample/);
});

describe("options of a source", () => {
  const branches = (values: number[]) => ({ output: [value("z", [2])], node: [node("Constant", [], ["v"], { value: floats("", [2], values) }), node("Add", ["x", "v"], ["z"])] });
  const graph = { input: [value("x", [2]), value("rate", [], 7)], output: [value("y", [2])], node: [node("If", ["rate"], ["y"], { then_branch: branches([1, 2]), else_branch: branches([3, 4]) }, { name: "by rate" })] };
  const path = put("branch.onnx", modelOf({ ...graph, node: [node("Cast", ["rate"], ["is"], { to: 9 }), { ...graph.node[0]!, input: ["is"] }, node("Relu", ["y"], ["late"])], output: [value("late", [2])] }));
  test("an input that decides about the graph is fixed to a number", async () => {
    expect((await octavo("inspect", path)).err).toMatch(/depends on input "rate".*--constant/);
    const { code, out } = await octavo("inspect", path, "--constant", "rate=16000", "--json");
    expect([code, JSON.parse(out)]).toMatchObject([0, { operators: { add: 1, clip: 1 }, outputs: [{ name: "late" }], unsupported: [] }]);
  });
  test("numbers, and arrays of a file", async () => {
    put("x.npy", writeNpy({ dtype: "float32", shape: [2], data: Float32Array.of(5, 6) }));
    for (const x of ["x=5,6", `x=${join(folder, "x.npy")}`]) {
      const { out } = await octavo("inspect", path, "--constant", "rate=0", "--constant", x, "--json");
      expect(JSON.parse(out)).toMatchObject({ operators: {}, unsupported: [] });
    }
    expect((await octavo("inspect", path, "--constant", "rate=fast")).err).toMatch(/fast/);
  });
  test("the model ends at a tensor", async () => {
    const { out } = await octavo("inspect", path, "--constant", "rate=1", "--cut", "y", "--json");
    expect(JSON.parse(out)).toMatchObject({ operators: { add: 1 }, outputs: [{ name: "y" }] });
    expect(await octavo("inspect", path, "--cut", "w")).toMatchObject({ code: 1, err: expect.stringMatching(/no tensor or layer "w" to end with/) });
  });
});

describe("weights beside a model", () => {
  const external = (location: string) => modelOf({
    input: [value("x", [2])], output: [value("y", [2])], node: [node("Add", ["x", "w"], ["y"])],
    initializer: [{ name: "w", dims: [2], dataType: 1, dataLocation: 1, externalData: [{ key: "location", value: location }] }],
  });
  const weights = new Uint8Array(Float32Array.of(1, 2).buffer), inside = join(folder, "model"), outside = join(folder, "weights.bin");
  mkdirSync(join(inside, "data"), { recursive: true });
  writeFileSync(outside, weights);
  writeFileSync(join(inside, "data", "w.bin"), weights);
  symlinkSync(outside, join(inside, "linked.bin"));
  symlinkSync(join(folder), join(inside, "up"));
  symlinkSync(join(inside, "data", "w.bin"), join(inside, "near.bin"));
  const convert = (location: string) => {
    writeFileSync(join(inside, "m.onnx"), external(location));
    return octavo("convert", join(inside, "m.onnx"), "-o", join(folder, "m.octavo"), "--precision", "float32");
  };
  for (const location of ["data/w.bin", "near.bin"]) test(`${location} is read`, async () => expect((await convert(location)).code).toBe(0));
  for (const location of ["linked.bin", "up/weights.bin", "../weights.bin", outside])
    test(`${location.replace(folder, "/…")} is not`, async () => expect(await convert(location)).toMatchObject({ code: 1, err: expect.stringMatching(/outside the model's folder|inside of the model's folder/) }));
});
