/** HDF5 in the forms that h5py writes; test/fixtures/keras/hdf5.py made them. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openHdf5 } from "../../converter/formats/wire/hdf5.ts";

const open = (name: string) => openHdf5(new Uint8Array(readFileSync(new URL(`../fixtures/keras/${name}.h5`, import.meta.url))), "test");
const count = Float32Array.from({ length: 231 }, (_, i) => i);

describe("forms", () => {
  const file = open("forms");
  for (const name of ["contiguous", "chunked", "deflated", "checked", "big-endian", "half", "double"])
    test(name, () => expect(file.at(name)!.read()).toMatchObject({ shape: [7, 11, 3], data: name === "double" || name === "big-endian"
      ? Float64Array.from(count) : count }));
  test("whole numbers and truth values", () => {
    expect([...file.at("int8")!.read().data]).toEqual([-3, 4]);
    expect([...file.at("uint64")!.read().data]).toEqual([2 ** 40]);
    expect([...file.at("bool")!.read().data]).toEqual([1, 0]);
  });
  test("texts", () => {
    expect(file.at("text")!.read().data).toEqual(["hällo"]);
    expect(file.attribute("fixed")!.data).toEqual(["ab", "c"]);
    expect(file.attribute("variable")!.data).toEqual(["ä", "bb"]);
    expect(file.attribute("missing")).toBeUndefined();
  });
  test("nothing, and what was never written", () => {
    expect(file.at("empty")!.read().data).toHaveLength(0);
    expect(file.at("unwritten")!.read()).toMatchObject({ shape: [5, 5], data: new Float32Array(25) });
  });
  test("groups", () => {
    expect(file.at("group/inner")!.members()).toEqual(["leaf"]);
    expect(file.at("group/none/leaf")).toBeUndefined();
  });
});

test("new headers with few members", () => {
  const file = open("latest");
  expect(file.at("x")!.read()).toMatchObject({ shape: [7, 11, 3], data: count });
  expect(file.attribute("backend")!.data).toEqual(["y"]);
});
test("many members in new headers are refused with a way out", () =>
  expect(() => open("dense").members()).toThrow(/indexed form of newer HDF5 files.*default libver/));
