/** octavo-train in node:wasi and wasmtime: the bytes of the JavaScript trainer, and clear refusals. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { writeNpy, type NpyArray } from "../../targets/cli/npy.ts";
import { load } from "../../targets/node/index.ts";
import { trainer as trainerOf, type FitOptions, type Hyperparameters } from "../../targets/node/train.ts";
import { data, trainable } from "../trainer/model.ts";
import { wasiCommand } from "./wasi-command.ts";

const folder = mkdtempSync(path.join(tmpdir(), "octavo-wasi-train-")), at = (name: string) => path.join(folder, name), COUNT = 50;
const { x, labels } = data(COUNT, 6), none = new Uint8Array(0);
const save = (name: string, array: NpyArray) => writeFileSync(at(name), writeNpy(array));
const run = (build: string, ...words: string[]) => wasiCommand(build, folder, none, ...words);
const words = (...more: string[]) => ["/models/model.octavo", "/models/x.npy", "/models/y.npy", "/models/out.octavo", ...more];

async function inJavaScript(file: Uint8Array, hyper: Hyperparameters, options: FitOptions): Promise<Uint8Array> {
  const model = await load(file), trainer = trainerOf(model, hyper);
  await trainer.fit({ x, labels }, options);
  trainer.commit();
  return model.save();
}

beforeAll(() => {
  save("x.npy", { dtype: "float32", shape: [COUNT, 28, 28, 1], data: x });
  save("y.npy", { dtype: "uint8", shape: [COUNT], data: labels });
});

describe.each(["octavo-train", "octavo-simd-train"])("%s", (build) => {
  const cases: [string, Parameters<typeof trainable>, string[], Hyperparameters, FitOptions][] = [
    ["cnn, the file's optimizer", ["digits-cnn.h5"], [], {}, {}],
    ["cnn, all layers, momentum", ["digits-cnn.h5", { trainable: "all" }], ["--optimizer", "momentum", "--momentum", "0.8", "--learning-rate", "0.02", "--epochs", "2", "--seed", "9", "--weight-decay", "1e-3"],
      { optimizer: "momentum", momentum: 0.8, learningRate: 0.02, weightDecay: 1e-3 }, { epochs: 2, seed: 9 }],
    ["cnn, all layers, in parts", ["digits-cnn.h5", { trainable: "all", trainPart: 4 }], ["--epochs", "2"], {}, { epochs: 2 }],
    ["lstm, parts of smaller batches", ["digits-lstm.onnx", { trainPart: 4, trainBatch: 12 }], ["--batch", "10", "--accumulate", "2"], {}, { batchSize: 10, accumulate: 2 }],
    ["lstm, small batches that are accumulated", ["digits-lstm.onnx", { trainable: "all" }], ["--optimizer", "adamw", "--batch", "7", "--accumulate", "3", "--clip-norm", "0.5"], { optimizer: "adamw", clipNorm: 0.5 }, { batchSize: 7, accumulate: 3 }],
  ];
  test.each(cases)("%s", async (_, [source, options], more, hyper, fit) => {
    const file = await trainable(source, options);
    writeFileSync(at("model.octavo"), file);
    const { code, err } = run(build, ...words(...more));
    expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(/^(epoch \d: loss \d+\.\d{6}\n)+$/) });
    expect(new Uint8Array(readFileSync(at("out.octavo")))).toEqual(await inJavaScript(file, hyper, fit));
  });
});

/** Runs a command of build/ in wasmtime. Arguments: its module, the folder that is /models, the words. */
const wasmtime = path.resolve(import.meta.dirname, "../../scripts/engines/wasmtime_run.py");
const python = [process.env.PYTHON, path.join(tmpdir(), "octavo-engines/py/bin/python")].find((p) => p && existsSync(p));

describe.skipIf(!python)(`wasmtime${python ? "" : ": no Python with wasmtime: PYTHON names one"}`, () => {
  test.each(["octavo-train", "octavo-simd-train"])("%s: the same bytes", async (build) => {
    const file = await trainable("digits-lstm.onnx", { trainable: "all" });
    writeFileSync(at("model.octavo"), file);
    execFileSync(python!, [wasmtime, path.resolve(import.meta.dirname, `../../build/${build}.wasm`), folder, ...words("--epochs", "2", "--learning-rate", "0.005")], { stdio: ["ignore", "pipe", "ignore"] });
    expect(new Uint8Array(readFileSync(at("out.octavo")))).toEqual(await inJavaScript(file, { learningRate: 0.005 }, { epochs: 2 }));
  });
});

test("labels of every type", async () => {
  writeFileSync(at("model.octavo"), await trainable("digits-cnn.h5"));
  run("octavo-train", ...words());
  const expected = readFileSync(at("out.octavo"));
  for (const dtype of ["float32", "float64", "int8", "int32", "int64"] as const) {
    const arrays = { float32: Float32Array, float64: Float64Array, int8: Int8Array, int32: Int32Array, int64: Float64Array };
    save("y.npy", { dtype, shape: [COUNT], data: arrays[dtype].from(labels) });
    expect([dtype, run("octavo-train", ...words()).code, readFileSync(at("out.octavo")).equals(expected)]).toEqual([dtype, 0, true]);
  }
});

test("refusals: a message, exit 2 or 1, nothing written", async () => {
  writeFileSync(at("model.octavo"), await trainable("digits-cnn.h5", { optimizer: "sgd" }));
  const refused = (code: number, message: RegExp, ...more: string[]) => {
    const r = run("octavo-train", ...more);
    expect({ code: r.code, err: r.err, written: existsSync(at("never.octavo")) }).toEqual({ code, err: expect.stringMatching(message), written: false });
  };
  const never = ["/models/model.octavo", "/models/x.npy", "/models/y.npy", "/models/never.octavo"], [model, , y, out] = never as [string, string, string, string];
  refused(2, /usage/);
  refused(2, /usage[^]*--speed/, ...never, "--speed", "9");
  refused(2, /usage/, ...never, "--epochs", "0");
  refused(2, /usage/, ...never, "--learning-rate", "fast");
  refused(1, /cannot be opened/, "/models/none.octavo", ...never.slice(1));
  refused(1, /no valid model file/, "/models/x.npy", ...never.slice(1));
  refused(1, /state of this optimizer/, ...never, "--optimizer", "adam");
  refused(1, /--batch is larger/, ...never, "--batch", "17");
  refused(1, /float32 \.npy of whole samples/, model, y, y, out);
  save("bad.npy", { dtype: "int32", shape: [COUNT], data: Int32Array.from(labels, (v, i) => (i === 9 ? 10 : v)) });
  refused(1, /label is no class/, model, "/models/x.npy", "/models/bad.npy", out);
  save("few.npy", { dtype: "int32", shape: [COUNT - 1], data: Int32Array.from(labels.subarray(1)) });
  refused(1, /labels of every sample/, model, "/models/x.npy", "/models/few.npy", out);
  refused(1, /cannot be written/, model, "/models/x.npy", y, "/models/no/folder.octavo");

});
