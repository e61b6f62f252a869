/** The main job through the command line, on the models that ship and digits drawn here. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digits } from "../../examples/digits.ts";
import { readNpy, writeNpy, writeNpz } from "../../targets/cli/npy.ts";
import { octavo } from "./octavo.ts";

const folder = mkdtempSync(join(tmpdir(), "octavo-job-")), at = (name: string) => join(folder, name);
const shipped = (name: string) => new URL(`../../examples/models/${name}`, import.meta.url).pathname;
const cnn = shipped("digits-cnn.h5"), lstm = shipped("digits-lstm.onnx"), COUNT = 60;

/** Digits and their labels as files; `shape` of one digit. */
function save(name: string, seed: number, ...shape: number[]): { x: string; y: string } {
  const { x, labels } = digits(COUNT, seed);
  writeFileSync(at(`${name}-x.npy`), writeNpy({ dtype: "float32", shape: [COUNT, ...shape], data: x }));
  writeFileSync(at(`${name}-y.npy`), writeNpy({ dtype: "uint8", shape: [COUNT], data: labels }));
  return { x: at(`${name}-x.npy`), y: at(`${name}-y.npy`) };
}
const tested = save("cnn", 1, 28, 28, 1), calibration = save("cnn-calibration", 2, 28, 28, 1), rows = save("lstm", 1, 28, 28), rowCalibration = save("lstm-calibration", 2, 28, 28);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function json<T = Record<string, number>>(...words: string[]): Promise<T> {
  const r = await octavo(...words, "--json");
  expect({ code: r.code, err: r.err }).toEqual({ code: 0, err: "" });
  return JSON.parse(r.out) as T;
}

for (const [name, source, data, calibrate] of [["cnn", cnn, tested, calibration], ["lstm", lstm, rows, rowCalibration]] as const) {
  const file = at(`${name}.octavo`), page = at(`${name}.html`);
  describe(`${name}: source to int8 answers`, () => {
    let report: { source: { bytes: number }; model: { bytes: number }; calibration: object; agreement: { samples: number; outputs: { sqnr: number }[] }; layers: { precision: string; error?: { sqnr: number }; microseconds: number }[]; memory: { arenaBytes: number; largestLive: number } };
    beforeAll(async () => { report = await json("convert", source, "-o", file, "--calibrate", calibrate.x, "--report", page); });

    test("the report tells sizes, calibration and memory", () => {
      expect(report.model.bytes).toBe(readFileSync(file).length);
      expect(report.source.bytes).toBe(readFileSync(source).length);
      expect(report.calibration).toEqual({ samples: COUNT, method: "mse" });
      expect(report.memory.arenaBytes).toBeLessThanOrEqual(1.1 * report.memory.largestLive);
      expect(report.model.bytes).toBeLessThan(report.source.bytes / 2);
    });
    test("and how integers compare with float", async () => {
      expect(report.agreement).toMatchObject({ samples: 16, outputs: [{ sqnr: expect.any(Number) }] });
      expect(report.agreement.outputs[0]!.sqnr).toBeGreaterThan(15);
      const { err } = await octavo("convert", source, "-o", at("plain.octavo"), "--calibrate", calibrate.x);
      expect(err).toMatch(/int8 against float on 16 calibration samples: signal to noise \d+\.\d dB$/m);
    });
    test("the report measures every layer", () => {
      expect(report.layers.every((l) => l.microseconds >= 0)).toBe(true);
      expect(report.layers.filter((l) => l.error && l.error.sqnr > 15).length).toBeGreaterThan(report.layers.length / 2);
    });
    test("the page has all plots", () => {
      const labels = [...parseHTML(readFileSync(page, "utf8")).document.querySelectorAll("figure.wide svg")].map((s) => s.getAttribute("aria-label"));
      expect(labels).toHaveLength(6);
    });
    test("int8 answers as well as float", async () => {
      const float = await json("eval", source, "--data", data.x, "--labels", data.y), int8 = await json("eval", file, "--data", data.x, "--labels", data.y);
      expect(float).toMatchObject({ metric: "top1", count: COUNT, precision: "float32", converted: true });
      expect(int8).toMatchObject({ metric: "top1", count: COUNT, precision: "int8", converted: false });
      expect(float.value).toBeGreaterThan(0.9);
      expect(int8.value).toBeGreaterThanOrEqual(float.value! - 1.01 / COUNT);
    });
    test("run in every build that this Node has gives the same bytes", async () => {
      const builds = ["scalar", "simd", ...(Number(process.versions.node.split(".")[0]) >= 22 ? ["relaxed"] : [])];
      for (const build of builds) expect((await octavo("run", file, "--input", data.x, "--output", at(`${build}.npy`), "--build", build)).code).toBe(0);
      for (const build of builds) expect(readFileSync(at(`${build}.npy`)).equals(readFileSync(at("scalar.npy")))).toBe(true);
    });
    test("compare has the worst layer first, and real errors", async () => {
      const { layers } = await json<{ layers: { sqnr: number; count: number; mean: number; largest: number }[] }>("compare", source, file, "--data", data.x);
      expect(layers.length).toBeGreaterThan(2);
      expect(layers.map((l) => l.sqnr)).toEqual(layers.map((l) => l.sqnr).sort((a, b) => a - b));
      for (const l of layers) expect([l.sqnr > 10 && l.sqnr < 80, l.count >= COUNT, l.mean > 0 && l.mean <= l.largest]).toEqual([true, true, true]);
    });
    test("inspect agrees with the report, for the file and its source", async () => {
      const found = await json("inspect", file), from = await json<{ parameters: number; unsupported: string[] }>("inspect", source);
      expect(found).toMatchObject({ fileBytes: report.model.bytes, arenaBytes: report.memory.arenaBytes, precision: "int8" });
      expect(from.unsupported).toEqual([]);
      expect(from.parameters).toBeGreaterThan(20_000);
    });
  });
}

test("integers of the model's own type go in raw and come out raw", async () => {
  const file = at("cnn.octavo"), found = await json<{ inputs: { rawDtype: "int8"; scale: number; zeroPoint: number }[]; outputs: { scale: number; zeroPoint: number }[] }>("inspect", file);
  const { rawDtype, scale, zeroPoint } = found.inputs[0]!, { x } = digits(COUNT, 1);
  const q = Int8Array.from(x, (v) => Math.max(-128, Math.min(127, Math.round(v / scale) + zeroPoint)));
  expect(rawDtype).toBe("int8");
  writeFileSync(at("q.npy"), writeNpy({ dtype: "int8", shape: [COUNT, 28, 28, 1], data: q }));
  expect(await json("eval", file, "--data", at("q.npy"), "--labels", tested.y)).toMatchObject({ raw: true, value: (await json("eval", file, "--data", tested.x, "--labels", tested.y)).value });
  await octavo("run", file, "--input", at("q.npy"), "--output", at("yq.npy"));
  await octavo("run", file, "--input", tested.x, "--output", at("y.npy"));
  const raw = readNpy(new Uint8Array(readFileSync(at("yq.npy"))), "yq"), real = readNpy(new Uint8Array(readFileSync(at("y.npy"))), "y"), y = found.outputs[0]!;
  expect(raw.dtype).toBe("int8");
  expect(raw.data.every((v, i) => Math.abs(y.scale * (v - y.zeroPoint) - real.data[i]!) < 1e-6)).toBe(true);
});

describe("convert", () => {
  test("precision auto keeps int8 where the metric allows it", async () => {
    const kept = await json<{ precision: string; layers: { floatBecause?: string }[] }>("convert", cnn, "-o", at("auto.octavo"), "--calibrate", calibration.x, "--precision", "auto", "--data", tested.x, "--labels", tested.y, "--max-drop", "2");
    expect(kept.precision).toBe("int8");
    expect(kept.layers.filter((l) => l.floatBecause === "the metric needs it")).toEqual([]);
  });
  test("precision auto leaves layers in float where it does not", async () => {
    const wanted = at("wanted.npy");
    await octavo("run", cnn, "--input", tested.x, "--output", wanted);
    const auto = ["convert", cnn, "-o", at("auto.octavo"), "--calibrate", calibration.x, "--precision", "auto", "--data", tested.x, "--labels", tested.y.replace("-y", "-x"), "--metric", "mae", "--max-drop"];
    expect((await octavo(...auto, "1")).err).toMatch(/labels/);
    const logits = at("labels.npy"), { data } = readNpy(new Uint8Array(readFileSync(wanted)), "wanted");
    writeFileSync(logits, writeNpy({ dtype: "float32", shape: [COUNT, 10], data: Float32Array.from(data, (v, i) => v + (i % 2 ? 0.01 : -0.01)) }));
    auto[auto.indexOf("--labels") + 1] = logits;
    const kept = await json<{ layers: { floatBecause?: string }[] }>(...auto, "0.01");
    expect(kept.layers.filter((l) => l.floatBecause === "the metric needs it").length).toBeGreaterThan(0);
  });
  test("precision auto needs data", async () => expect(await octavo("convert", cnn, "-o", at("no.octavo"), "--precision", "auto")).toMatchObject({ code: 2 }));
  test("classes and preprocessing are kept", async () => {
    writeFileSync(at("classes.txt"), "zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n");
    writeFileSync(at("prepare.json"), '{"scale": 0.00392156862745098}');
    await octavo("convert", cnn, "-o", at("named.octavo"), "--precision", "float32", "--classes", at("classes.txt"), "--preprocess", at("prepare.json"));
    expect(await json("inspect", at("named.octavo"))).toMatchObject({ classes: ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"] });
    expect((await octavo("run", at("named.octavo"), "--input", tested.x)).err).toMatch(/3 +three /);
  });
  test("--quiet says nothing", async () => {
    expect(await octavo("convert", cnn, "-o", at("quiet.octavo"), "--precision", "float32", "--quiet")).toEqual({ code: 0, out: "", err: "" });
    expect(await octavo("run", at("quiet.octavo"), "--input", tested.x, "--output", at("quiet.npy"), "--quiet")).toEqual({ code: 0, out: "", err: "" });
  });
  test("calibration by name from an npz", async () => {
    const { x } = digits(20, 2);
    writeFileSync(at("named.npz"), await writeNpz({ input_1: { dtype: "float32", shape: [20, 28, 28, 1], data: x } }));
    expect(await json("convert", cnn, "-o", at("npz.octavo"), "--calibrate", at("named.npz"))).toMatchObject({ calibration: { samples: 20 } });
  });

  const nan = () => { const data = digits(2, 1).x; data[100] = NaN; writeFileSync(at("nan.npy"), writeNpy({ dtype: "float32", shape: [2, 28, 28, 1], data })); return at("nan.npy"); };
  const refused: [string, () => string[], RegExp][] = [
    ["int8 without calibration", () => [cnn], /calibration.*--calibrate/],
    ["calibration of another shape", () => [cnn, "--calibrate", rows.x], /\[60, 28, 28\] does not fit input "input_1", expected \[N, 28, 28, 1\]/],
    ["NaN in the calibration", () => [cnn, "--calibrate", nan()], /NaN|not finite/i],
    ["a model file as source", () => [at("cnn.octavo")], /is a model file already/],
    ["a truncated source", () => { writeFileSync(at("half.onnx"), readFileSync(lstm).subarray(0, 100_000)); return [at("half.onnx"), "--calibrate", rows.x]; }, /onnx: /],
    ["preprocessing that is no object", () => { writeFileSync(at("list.json"), "[1]"); return [cnn, "--precision", "float32", "--preprocess", at("list.json")]; }, /expected an object/],
  ];
  for (const [name, words, message] of refused)
    test(`refuses ${name} and leaves no file`, async () => {
      const { code, out, err } = await octavo("convert", ...words(), "-o", at("never.octavo"));
      expect({ code, out, lines: err.trim().split("\n").length }).toEqual({ code: 1, out: "", lines: 1 });
      expect(err).toMatch(message);
      expect(() => readFileSync(at("never.octavo"))).toThrow();
    });
  test("compare refuses the file of another model", async () => {
    const { code, err } = await octavo("compare", lstm, at("cnn.octavo"), "--data", tested.x);
    expect(code).toBe(1);
    expect(err).toMatch(/the file's own source/);
  });
});

test("demo converts, runs and compares", async () => {
  const { rows: found } = await json<{ rows: { model: string; floatBytes: number; int8Bytes: number; int8Answers: number; agree: number }[] }>("demo");
  expect(found.map((r) => r.model)).toEqual(["CNN (Keras)", "LSTM (ONNX)"]);
  for (const r of found) expect([r.int8Bytes < r.floatBytes / 2, r.int8Answers > 180, r.agree > 190]).toEqual([true, true, true]);
});
