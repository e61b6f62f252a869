import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readNpy, readNpz, writeNpy, writeNpz, type ArrayType, type Elements } from "../../targets/cli/npy.ts";

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)));
const saved = await readNpz(fixture("numpy.npz"), "numpy.npz");
const expected = (name: string) => Array.from({ length: 24 }, (_, i) => (name.endsWith("b1") ? i % 2 : /u\d$/.test(name) ? i : i - 50));

describe("reads what numpy wrote", () => {
  for (const name of Object.keys(saved).filter((n) => n.includes("_")))
    test(name, () => {
      expect(saved[name]!.shape).toEqual([2, 3, 4]);
      expect([...saved[name]!.data]).toEqual(expected(name));
    });
  test("has every type in both byte orders", () => expect(Object.keys(saved)).toHaveLength(29));
  test("rank 0", () => expect(saved.scalar).toMatchObject({ shape: [], data: Float32Array.of(7) }));
  test("no elements", () => expect(saved.empty).toMatchObject({ shape: [0, 5], data: new Float32Array(0) }));
  test("rank 1", () => expect(saved.vector).toMatchObject({ dtype: "int32", shape: [3], data: Int32Array.of(0, 1, 2) }));
  test("deflated", async () => expect((await readNpz(fixture("packed.npz"), "packed.npz")).x!.data).toEqual(new Float32Array(10_000)));
});

describe("writes and reads back", () => {
  const data: Record<ArrayType, Elements> = {
    float64: Float64Array.of(Math.PI, -1e300), float32: Float32Array.of(1.5, NaN), int8: Int8Array.of(-128, 127), uint8: Uint8Array.of(0, 255),
    int16: Int16Array.of(-32768, 5), uint16: Uint16Array.of(65535, 5), int32: Int32Array.of(-(2 ** 31), 5), uint32: Uint32Array.of(2 ** 32 - 1, 5),
    int64: Float64Array.of(-(2 ** 53), 2 ** 53), bool: Uint8Array.of(1, 0),
  };
  for (const dtype of Object.keys(data) as ArrayType[])
    test(dtype, () => {
      const bytes = writeNpy({ dtype, shape: [2, 1], data: data[dtype] });
      expect(readNpy(bytes, "x.npy")).toEqual({ dtype, shape: [2, 1], data: data[dtype] });
      expect((bytes.indexOf(10) + 1) % 64).toBe(0);
    });
  test("npz", async () => {
    const arrays = { a: { dtype: "float32" as const, shape: [2], data: Float32Array.of(1, 2) }, "layer/b": { dtype: "int64" as const, shape: [], data: Float64Array.of(9) } };
    expect(await readNpz(await writeNpz(arrays), "x.npz")).toEqual(arrays);
  });
});

/** A .npy whose header is `dict`, followed by `length` zero bytes. */
function file(dict: string, length: number, version = 1): Uint8Array {
  const head = new TextEncoder().encode(dict), at = version === 1 ? 10 : 12, out = new Uint8Array(at + head.length + length);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, head.length & 255, head.length >> 8]);
  out.set(head, at);
  return out;
}
const dict = (descr: string, shape: string) => `{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }\n`;

describe("refuses", () => {
  const cases: Record<string, [Uint8Array, RegExp]> = {
    "an empty file": [new Uint8Array(0), /first bytes/],
    "another format": [new TextEncoder().encode("PK\x03\x04 something else"), /first bytes/],
    "a truncated header": [file(dict("'<f4'", "(2,)"), 8).subarray(0, 30), /truncated/],
    "a truncated body": [file(dict("'<f4'", "(3,)"), 8), /needs 12 bytes, found 8/],
    "a shape beyond memory": [file(dict("'<f4'", "(99999999999, 99999999999, 99999999999)"), 8), /needs/],
    "0 times infinity": [file(dict("'<f4'", `(0, ${"9".repeat(400)})`), 8), /needs/],
    "a negative shape": [file(dict("'<f4'", "(-1,)"), 8), /lacks/],
    "thousands of axes": [file(dict("'<f4'", `(${"1,".repeat(5000)})`), 8), /5000 axes/],
    "records": [file(dict("[('a', '<f4')]", "(1,)"), 8), /records/],
    "complex numbers": [file(dict("'<c8'", "(1,)"), 8), /elements are <c8/],
    "text": [file(dict("'<U3'", "(1,)"), 12), /elements are <U3/],
    "a header of format 2 beyond the file": [file(dict("'<f4'", "(1,)"), 4, 2).subarray(0, 11), /header says/],
  };
  for (const [name, [bytes, message]] of Object.entries(cases))
    test(name, () => {
      expect(() => readNpy(bytes, "x.npy")).toThrow(message);
      expect(() => readNpy(bytes, "x.npy")).toThrow(expect.objectContaining({ name: "OctavoError" }));
    });
  test("every truncation of a zip", async () => {
    const zip = fixture("packed.npz");
    for (let n = 0; n < zip.length; n++) await expect(readNpz(zip.subarray(0, n), "x.npz")).rejects.toThrow(expect.objectContaining({ name: "OctavoError" }));
  });
  test("a zip entry that claims 4 GB", async () => {
    const zip = fixture("packed.npz").slice(), view = new DataView(zip.buffer);
    const central = view.getUint32(zip.length - 6, true);
    view.setUint32(central + 24, 0xfffffff0, true);
    await expect(readNpz(zip, "x.npz")).rejects.toThrow(/claims/);
  });
});
