/** `octavo train` from convert to the tuned file, its checkpoints and refusals. */
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digits } from "../../examples/digits.ts";
import { writeNpy, type NpyArray } from "../../targets/cli/npy.ts";
import { load } from "../../targets/node/index.ts";
import { applyDelta } from "../../targets/node/train.ts";
import { floats, modelOf, node, value } from "../formats/onnx-model.ts";
import { octavo } from "./octavo.ts";

const folder = mkdtempSync(join(tmpdir(), "octavo-train-")), at = (name: string) => join(folder, name), COUNT = 60;
const cnn = new URL("../../examples/models/digits-cnn.h5", import.meta.url).pathname, file = at("digits.octavo"), out = at("out.octavo");
const save = (name: string, array: NpyArray) => { writeFileSync(at(name), writeNpy(array)); return at(name); };
const { x, labels } = digits(COUNT, 4);
const data = save("x.npy", { dtype: "float32", shape: [COUNT, 28, 28, 1], data: x }), truth = save("y.npy", { dtype: "uint8", shape: [COUNT], data: labels });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Trained { epochs: { loss: number; accuracy: number; validation?: { loss: number } }[]; before: { metric: string; value: number }; float: { loss: number; accuracy: number }; after: { metric: string; value: number }; bytes: number; stopped: string }
const words = (...more: string[]) => ["train", file, "--data", data, "--labels", truth, "-o", out, ...more];
async function json(...more: string[]): Promise<Trained> {
  const r = await octavo(...words(...more), "--json");
  expect({ code: r.code, err: r.err }).toEqual({ code: 0, err: "" });
  return JSON.parse(r.out) as Trained;
}

beforeAll(async () => {
  expect(await octavo("convert", cnn, "-o", file, "--calibrate", data, "--trainable", "last", "--quiet")).toEqual({ code: 0, out: "", err: "" });
});

describe("what cannot be trained says what to do", () => {
  const perceptron = { input: [value("x", [1, 2])], initializer: [floats("w", [2, 3], [1, 2, 3, 4, 5, 6])], node: [node("MatMul", ["x", "w"], ["y"], {}, { name: "fc" }), node("Relu", ["y"], ["z"])] };
  const two = at("two.onnx"), convert = (...more: string[]) => octavo("convert", two, "-o", at("two.octavo"), "--precision", "float32", "--trainable", "all", ...more);
  writeFileSync(two, modelOf({ ...perceptron, output: [value("y", [1, 3]), value("z", [1, 3])] }));
  test("several outputs: the one that is trained is named", async () => {
    expect(await convert()).toMatchObject({ code: 1, err: expect.stringMatching(/it has 2 outputs, expected one: y, z. End it at the one that is trained \(--cut NAME\)/) });
    expect(await convert("--cut", "y")).toMatchObject({ code: 0, err: expect.stringMatching(/trains fc/) });
  });
  test("streams", async () => {
    writeFileSync(two, modelOf({ ...perceptron, input: [value("x", [1, 2]), value("s", [1, 3])], node: [...perceptron.node, node("Add", ["z", "s"], ["t"])], output: [value("y", [1, 3]), value("t", [1, 3])] }));
    expect(await convert("--state", "s=t")).toMatchObject({ code: 1, err: expect.stringMatching(/streams are not trained. Train it on whole sequences/) });
  });
});

describe("octavo train", () => {
  test("lowers the loss and writes a model that says what it reports", async () => {
    const r = await json("--epochs", "4", "--learning-rate", "0.01", "--seed", "3");
    expect(r.epochs).toHaveLength(4);
    expect(r.epochs[3]!.loss).toBeLessThan(r.epochs[0]!.loss);
    expect(r.bytes).toBe(readFileSync(out).length);
    const { out: told } = await octavo("eval", out, "--data", data, "--labels", truth, "--json");
    expect((JSON.parse(told) as { value: number }).value).toBeGreaterThanOrEqual(r.after.value);
  });

  test("people see a line per epoch and the three figures", async () => {
    const { code, out: printed, err } = await octavo(...words("--epochs", "2", "--validation", "0.25"));
    expect({ code, printed }).toEqual({ code: 0, printed: "" });
    expect(err).toMatch(/^epoch 1: loss [\d.e-]+, accuracy [\d.]+ %; validation loss .+\nepoch 2: .+\nvalidation: before accuracy .+; trained in float loss .+; committed accuracy .+\n.+octavo: [\d.]+ KB/);
  });

  test("the same seed gives the same file, in both builds", async () => {
    await json("--seed", "1", "--build", "simd", "--schedule", "cosine", "--warm-up", "2");
    const first = readFileSync(out);
    await json("--seed", "1", "--build", "scalar", "--schedule", "cosine", "--warm-up", "2");
    expect(readFileSync(out).equals(first)).toBe(true);
  });

  test("a delta makes the same model of the input file", async () => {
    await json("--delta", at("d.delta"), "--optimizer", "momentum", "--momentum", "0.8", "--weight-decay", "0.001");
    const model = await load(file);
    applyDelta(model, new Uint8Array(readFileSync(at("d.delta"))));
    expect(model.save()).toEqual(new Uint8Array(readFileSync(out)));
  });

  test("float parameters go back into a conversion", async () => {
    const tuned = at("tuned.octavo"), float = at("float.octavo");
    await octavo("convert", cnn, "-o", float, "--precision", "float32", "--trainable", "all", "--quiet");
    const { code } = await octavo("train", float, "--data", data, "--labels", truth, "-o", tuned, "--weights", at("w.safetensors"), "--quiet");
    expect(code).toBe(0);
    await octavo("convert", cnn, "-o", at("again.octavo"), "--precision", "float32", "--weights", at("w.safetensors"), "--quiet");
    const answers = await Promise.all([tuned, at("again.octavo"), float].map(async (f) => (await load(f)).run(x)));
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).not.toEqual(answers[0]);
  });

  test("a checkpoint goes on to more epochs with the bytes of one run; the one before steps in for a damaged one", async () => {
    await json("--epochs", "4");
    const whole = readFileSync(out), checkpoint = at("run.ckpt");
    await json("--epochs", "2", "--checkpoint", checkpoint);
    await json("--epochs", "4", "--checkpoint", checkpoint, "--resume");
    expect(readFileSync(out).equals(whole)).toBe(true);
    truncateSync(checkpoint, 1000);
    const { err } = await octavo(...words("--epochs", "4", "--checkpoint", checkpoint, "--resume"));
    expect(err).toMatch(/the checkpoint before the last/);
    expect(readFileSync(out).equals(whole)).toBe(true);
  });

  test("one-hot labels, integers of the model's own type, class weights, patience, validation files", async () => {
    const oneHot = save("hot.npy", { dtype: "float32", shape: [COUNT, 10], data: Float32Array.from({ length: 10 * COUNT }, (_, i) => Number(labels[Math.floor(i / 10)] === i % 10)) });
    const plain = await json("--epochs", "2"), hot = await octavo("train", file, "--data", data, "--labels", oneHot, "-o", out, "--epochs", "2", "--json");
    expect((JSON.parse(hot.out) as Trained).epochs).toEqual(plain.epochs);
    expect((await json("--class-weights", "balanced")).epochs[0]!.loss).toBeCloseTo((await json()).epochs[0]!.loss, 4);
    const held = await json("--epochs", "30", "--learning-rate", "0.5", "--patience", "2", "--validation", data, "--validation-labels", truth);
    expect(held.stopped).toBe("early");
  });

  test("--guard writes nothing where the model does worse", async () => {
    const never = at("never.octavo"), wrong = save("wrong.npy", { dtype: "uint8", shape: [COUNT], data: labels.map((v) => (v + 1) % 10) });
    const { code, err } = await octavo("train", file, "--data", data, "--labels", wrong, "-o", never, "--epochs", "20", "--learning-rate", "0.05", "--validation", data, "--validation-labels", truth, "--guard", "--quiet");
    expect({ code, written: existsSync(never) }).toEqual({ code: 1, written: false });
    expect(err).toMatch(/does worse on the validation than before/);
  });

  /** How the file was converted, where it is another than the one above. */
  const sources: Record<string, string[]> = { "an optimizer without its state": ["--calibrate", data, "--optimizer", "sgd"], divergence: ["--precision", "float32"] };
  const refused: [string, string[], number, RegExp][] = [
    ["a label that is no class", ["--labels", save("bad.npy", { dtype: "uint8", shape: [COUNT], data: labels.map((v, i) => (i === 7 ? 10 : v)) })], 1, /label 7 is 10, expected a class from 0 to 9/],
    ["labels of another length", ["--labels", save("short.npy", { dtype: "uint8", shape: [COUNT - 1], data: labels.subarray(1) })], 1, /59 labels for 60 samples/],
    ["an optimizer without its state", ["--optimizer", "adam"], 1, /--optimizer adam/],
    ["divergence", ["--optimizer", "sgd", "--learning-rate", "1e38", "--epochs", "9"], 1, /^fit: .* in epoch 1, batch \d.*restored/],
    ["no labels", ["--teacher", "x.onnx"], 2, /either --labels or --teacher/],
    ["--resume alone", ["--resume"], 2, /--checkpoint/],
    ["a checkpoint that is not there", ["--resume", "--checkpoint", at("no.ckpt")], 1, /there is no file/],
    ["an unknown schedule", ["--schedule", "hope"], 2, /Allowed choices/],
  ];
  test.each(refused)("refuses %s and leaves no file", async (name, more, code, message) => {
    const never = at("never.octavo"), other = at("other.octavo");
    if (sources[name]) await octavo("convert", cnn, "-o", other, "--trainable", "last", "--quiet", ...sources[name]);
    const r = await octavo("train", sources[name] ? other : file, "--data", data, "--labels", truth, "-o", never, "--quiet", ...more);
    expect({ code: r.code, out: r.out, written: existsSync(never) }).toEqual({ code, out: "", written: false });
    expect(r.err).toMatch(message);
  });

  test("refuses a file without training programs", async () => {
    await octavo("convert", cnn, "-o", at("plain.octavo"), "--calibrate", data, "--quiet");
    const { code, err } = await octavo("train", at("plain.octavo"), "--data", data, "--labels", truth, "-o", at("never.octavo"));
    expect({ code, lines: err.trim().split("\n").length }).toEqual({ code: 1, lines: 1 });
    expect(err).toMatch(/--trainable/);
  });
});
