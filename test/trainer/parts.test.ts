/** A batch in parts: the gradients, steps and metrics of the whole batch in a smaller arena. */
import { describe, expect, test } from "vitest";
import { sealed, sha256Of } from "../../sdk/train/sha256.ts";
import { parseModelFile } from "../../sdk/model-file.ts";
import { load } from "../../targets/node/index.ts";
import { scalar, simd, trainer as trainerOf, type Trainer } from "../../targets/node/train.ts";
import { code, data, pair, part, thrown, trainable, type File } from "./model.ts";

const flat = (named: Record<string, { data: Float32Array }>) => Object.values(named).map((p) => [...p.data]);
const d = part(data(32, 8), 0, 16);

/** What one batch adds to the gradients: nothing steps yet. */
async function gradients(file: File, options: object): Promise<{ loss: number; values: number[][]; trainer: Trainer }> {
  const { trainer } = await pair(file, { accumulate: 2, convert: { trainable: "all", ...options } }), loss = trainer.step(d.x, d.labels);
  return { loss, values: flat(trainer.gradients()), trainer };
}

/** Sums over pixels go sample by sample: they are the same to the bit. Those over time steps go step by step. */
describe.each([["digits-cnn.h5", 0], ["digits-lstm.onnx", 1e-6]] as const)("%s", (file, tolerance) => {
  test.each(["int8", "float32"] as const)("%s: the gradients of a batch, in parts of any size", async (precision) => {
    const whole = await gradients(file, { precision });
    for (const trainPart of [1, 2, 4, 8]) {
      const parts = await gradients(file, { precision, trainPart });
      expect(parts.trainer.info).toMatchObject({ batch: 16, part: trainPart });
      whole.values.forEach((want, k) => {
        const most = Math.max(...want.map(Math.abs)), off = Math.max(...want.map((v, i) => Math.abs(v - parts.values[k]![i]!)));
        expect(off).toBeLessThanOrEqual(tolerance * most);
      });
      expect(parts.loss).toBeCloseTo(whole.loss, 5);
    }
  });

  test("a smaller arena, the same state", async () => {
    const [whole, half, one] = await Promise.all([16, 8, 1].map(async (trainPart) => (await pair(file, { convert: { trainable: "all", trainPart } })).trainer.info.memory));
    expect([half!.state, one!.state]).toEqual([whole!.state, whole!.state]);
    expect(half!.arena).toBeLessThan(whole!.arena);
    expect(one!.arena).toBeLessThan(half!.arena);
  });
});

test("fit: the masters of the whole batch, with missing rows, clipping, accumulation and class weights", async () => {
  const hyper = { clipNorm: 0.5, classWeights: Array.from({ length: 10 }, (_, c) => 1 + c), optimizer: "adam" as const }, set = data(43, 9);
  const results = await Promise.all([undefined, 4].map(async (trainPart) => {
    const { trainer } = await pair("digits-cnn.h5", { ...hyper, convert: { precision: "float32", trainable: "all", ...(trainPart && { trainPart }) } });
    const history = await trainer.fit(set, { epochs: 2, seed: 3, accumulate: 2, validation: 0.2 });
    return { masters: flat(trainer.parameters()), history };
  }));
  expect(results[1]!.masters).toEqual(results[0]!.masters);
  const [whole, parts] = results.map(({ history }) => history.epochs);
  whole!.forEach((e, i) => {
    expect(parts![i]!.accuracy).toBe(e.accuracy);
    expect(parts![i]!.loss).toBeCloseTo(e.loss, 5);
    expect(parts![i]!.validation!.accuracy).toBe(e.validation!.accuracy);
  });
});

test("both builds give the same bytes", async () => {
  const [a, b] = await Promise.all([scalar, simd].map(async (build) => {
    const { trainer } = await pair("digits-lstm.onnx", { builds: [build], convert: { trainable: "all", trainPart: 2 } });
    await trainer.fit(data(40, 4), { epochs: 2 });
    return trainer.checkpoint();
  }));
  expect(a).toEqual(b);
});

test("an interrupted fit goes on to the same bytes", async () => {
  const how = { convert: { trainable: "all", trainPart: 4 } }, set = data(40, 5), whole = (await pair("digits-cnn.h5", how)).trainer, first = (await pair("digits-cnn.h5", how)).trainer, second = (await pair("digits-cnn.h5", how)).trainer;
  await whole.fit(set, { epochs: 2, seed: 6 });
  const stop = new AbortController();
  await expect(first.fit(set, { epochs: 2, seed: 6, signal: stop.signal, onProgress: ({ epoch, step }) => { if (epoch === 1 && step === 2) stop.abort(new Error("enough")); } })).rejects.toThrow("enough");
  second.restore(first.checkpoint());
  await second.fit(set, { epochs: 2, seed: 6 });
  expect(second.checkpoint()).toEqual(whole.checkpoint());
});

test("not a number in a later part: nothing was changed", async () => {
  const { trainer } = await pair("digits-cnn.h5", { convert: { precision: "float32", trainable: "all", trainPart: 4 } }), before = trainer.checkpoint(), x = d.x.slice();
  x[784 * 13 + 5] = NaN;
  expect(thrown(() => trainer.step(x, d.labels))).toEqual(code("NAN", /nothing was changed/));
  expect(trainer.checkpoint()).toEqual(before);
  expect(Number.isFinite(trainer.step(d.x, d.labels))).toBe(true);
});

test("more samples than the batch are refused, any number up to it is taken", async () => {
  const { trainer } = await pair("digits-cnn.h5", { convert: { trainPart: 4 } }), many = data(32, 8);
  for (const count of [1, 3, 4, 5, 16]) expect(Number.isFinite(trainer.step(many.x.subarray(0, 784 * count), many.labels.subarray(0, count)))).toBe(true);
  expect(thrown(() => trainer.step(many.x.subarray(0, 784 * 17), many.labels.subarray(0, 17)))).toEqual(code("SHAPE", /17 samples, the file's batch has 16 rows/));
});

test.each([0, -1, 3, 1.5, 32, NaN])("a part of %d rows of 16 is refused by convert", async (trainPart) => {
  await expect(trainable("digits-cnn.h5", { trainPart })).rejects.toThrow(/batch of 16 rows in parts of .*, expected a divisor of 16\. Choose another --train-part/);
});

/** The file with another metadata.training or another word behind the struct Training. */
function changed(file: Uint8Array, change: (training: Record<string, unknown>) => void): Uint8Array {
  const { metadata, image } = parseModelFile(file, 1), training = { ...(metadata as unknown as { training: Record<string, unknown> }).training };
  change(training);
  const json = new TextEncoder().encode(JSON.stringify({ ...metadata, training })), out = new Uint8Array(image.length + json.length), view = new DataView(out.buffer);
  out.set(file.subarray(0, image.length));
  out.set(json, image.length);
  view.setUint32(12, out.length, true);
  view.setUint32(84, json.length, true);
  return sealed(out, sha256Of(scalar));
}

test("metadata that lies about parts is refused", async () => {
  const file = await trainable("digits-cnn.h5", { trainPart: 4 });
  expect(trainerOf(await load(changed(file, () => {}))).info.part).toBe(4);
  for (const part of [0, -4, 3, 32, 1.5, "4", null, 2 ** 32]) {
    const model = await load(changed(file, (t) => { t.part = part; }));
    expect([part, thrown(() => trainerOf(model))]).toEqual([part, code("FORMAT", /metadata\.training/)]);
  }
  for (const part of [1, 2, 8, 16, undefined]) {
    const model = await load(changed(file, (t) => { t.part = part; }));
    expect([part, thrown(() => trainerOf(model))]).toEqual([part, code("FORMAT", /contradicts/)]);
  }
});
