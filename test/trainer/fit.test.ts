/** Epochs: seeds, validation, early stopping, and a fit that was interrupted anywhere ends with the bytes of one that was not. */
import { expect, test } from "vitest";
import { cosine, warmUp, type EpochResult, type FitOptions, type Progress } from "../../targets/node/train.ts";
import { code, data, forgetAll, pair, part } from "./model.ts";

const all = data(120, 3), train = part(all, 0, 50), held = part(all, 50, 120);

async function fresh(options: Parameters<typeof pair>[1] = {}) {
  const { trainer } = await pair("digits-cnn.h5", { learningRate: 0.01, ...options });
  forgetAll(trainer);
  return trainer;
}
/** Without the digest that covers it: masters and optimizer. */
const bytesAfter = async (options: FitOptions) => {
  const trainer = await fresh();
  await trainer.fit(train, options);
  return trainer.checkpoint();
};

test("it learns again what was forgotten", async () => {
  const trainer = await fresh(), before = trainer.evaluate(held), history = await trainer.fit(train, { epochs: 15, validation: held });
  expect(before.accuracy).toBeLessThan(0.5);
  expect(history.epochs).toHaveLength(15);
  expect(history.epochs.at(-1)!.validation!.accuracy).toBeGreaterThan(0.85);
  expect(history.epochs.at(-1)!.validation).toEqual(trainer.evaluate(held));
  expect(history.epochs.at(-1)!.loss).toBeLessThan(history.epochs[0]!.loss / 3);
});

test("a seed gives an order, and the order the bytes", async () => {
  const a = await bytesAfter({ epochs: 2, seed: 5 });
  expect(await bytesAfter({ epochs: 2, seed: 5 })).toEqual(a);
  expect(await bytesAfter({ epochs: 2, seed: 6 })).not.toEqual(a);
  expect(await bytesAfter({ epochs: 2, seed: 5, shuffle: false })).not.toEqual(a);
});

test("an order of one's own: one step per batch, as by hand", async () => {
  const a = await fresh(), b = await fresh(), order = Array.from({ length: 50 }, (_, i) => 49 - i);
  await a.fit(train, { shuffle: () => order, batchSize: 10 });
  for (let i = 0; i < 5; i++) {
    const rows = order.slice(10 * i, 10 * i + 10);
    b.step(Float32Array.from(rows.flatMap((n) => [...train.x.subarray(784 * n, 784 * (n + 1))])), rows.map((n) => train.labels[n]!));
  }
  expect(a.parameters()).toEqual(b.parameters());
  await expect(a.fit(train, { shuffle: () => [0, 1] })).rejects.toEqual(code("SHAPE", /shuffle gives 2 positions/));
  await expect(a.fit(train, { shuffle: () => order.map((n) => n + 1) })).rejects.toEqual(code("SHAPE", /position 0 of shuffle/));
});

test("progress tells every step, epochs tell their means", async () => {
  const trainer = await fresh(), steps: Progress[] = [], epochs: EpochResult[] = [];
  const history = await trainer.fit(train, { epochs: 2, accumulate: 2, schedule: warmUp(2, cosine()), onProgress: (p) => void steps.push(p), onEpoch: (r) => void epochs.push(r) });
  expect(steps.map((p) => [p.epoch, p.step, p.steps])).toEqual([[0, 1, 2], [0, 2, 2], [1, 1, 2], [1, 2, 2]]);
  expect(steps.map((p) => p.learningRate)).toEqual([0.005, 0.01, 0.01, expect.closeTo(0.005, 10)]);
  expect(epochs).toEqual(history.epochs);
  expect(epochs[1]!.loss).toBe(steps[3]!.loss);
});

const options: FitOptions = { epochs: 3, seed: 2, accumulate: 3, batchSize: 6, validation: 0.2, schedule: cosine(), earlyStopping: { patience: 5 } };

test("interrupted after any batch, restored in another trainer, it ends with the same bytes", async () => {
  const whole = await fresh(), expected = await whole.fit(train, options), bytes = whole.checkpoint(), batches = 3 * Math.ceil(40 / 6);
  for (let stop = 1; stop < batches; stop += 2) {
    const a = await fresh(), abort = new AbortController();
    let turns = 0;
    const signal = { throwIfAborted: () => { if (turns++ === stop) { abort.abort(); abort.signal.throwIfAborted(); } } } as AbortSignal;
    await expect(a.fit(train, { ...options, signal })).rejects.toThrow(/abort/i);
    const b = await fresh({ learningRate: 0.5, accumulate: 1 });
    b.restore(a.checkpoint());
    expect(await b.fit(train, options)).toEqual(expected);
    expect(b.checkpoint()).toEqual(bytes);
    expect(await a.fit(train, options)).toEqual(expected);
    expect(a.checkpoint()).toEqual(bytes);
  }
});

test("a checkpoint from within a fit goes on from there", async () => {
  const a = await fresh();
  let saved: Uint8Array | undefined;
  const expected = await a.fit(train, { ...options, onProgress: ({ epoch, step }) => { if (epoch === 1 && step === 2) saved = a.checkpoint(); } }), b = await fresh();
  b.restore(saved!);
  expect(await b.fit(train, options)).toEqual(expected);
  expect(b.checkpoint()).toEqual(a.checkpoint());
});

test("another data set, seed or batch is refused when a fit goes on, unless it starts anew", async () => {
  const a = await fresh();
  await expect(a.fit(train, { epochs: 2, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  await expect(a.fit(held, { epochs: 2 })).rejects.toEqual(code("SHAPE", /had samples 50, found 70/));
  await expect(a.fit(train, { epochs: 2, seed: 3 })).rejects.toEqual(code("SHAPE", /had seed 0, found 3/));
  expect((await a.fit(held, { epochs: 2, resume: false })).epochs).toHaveLength(2);
});

test("early stopping ends where nothing gets better, with the best state", async () => {
  const trainer = await fresh({ learningRate: 0.3 }), history = await trainer.fit(train, { epochs: 60, validation: held, earlyStopping: { patience: 3 } });
  expect(history.stopped).toBe("early");
  expect(history.epochs.length).toBe(history.best! + 1 + 3);
  expect(trainer.evaluate(held)).toEqual(history.epochs[history.best!]!.validation);
  for (const e of history.epochs) expect(e.validation!.loss).toBeGreaterThanOrEqual(history.epochs[history.best!]!.validation!.loss);
});

test("training that diverges restores the last good state and says so", async () => {
  const trainer = await fresh({ optimizer: "sgd", learningRate: 1e38, convert: { precision: "float32", trainable: "all" } }), before = trainer.parameters();
  await expect(trainer.fit(train, { epochs: 5 })).rejects.toEqual(code("NAN", /epoch \d+, batch \d+.* restored/));
  expect(trainer.parameters()).toEqual(before);
});

test("the event loop turns while it fits", async () => {
  const trainer = await fresh();
  let turns = 0, done = false;
  const tick = () => { turns++; if (!done) setTimeout(tick, 1); };
  setTimeout(tick, 1);
  await trainer.fit(train, { epochs: 40, budgetMs: 1 });
  done = true;
  expect(turns).toBeGreaterThan(5);
});

test("two fits at once, and options that make no sense, are refused", async () => {
  const trainer = await fresh(), first = trainer.fit(train, { epochs: 2, budgetMs: 0 });
  await expect(trainer.fit(train)).rejects.toEqual(code("HOST", /fits already/));
  expect(() => trainer.restore(new Uint8Array(9))).toThrow(/fits/);
  await first;
  for (const wrong of [{ epochs: 0 }, { epochs: 1.5 }, { batchSize: 17 }, { batchSize: 0 }, { accumulate: 0 }, { validation: 1 }, { validation: -0.1 }, { seed: 0.5 }])
    await expect(trainer.fit(train, wrong)).rejects.toEqual(code("SHAPE", /^fit: /));
});

test("validation by fraction is the end of the data", async () => {
  const a = await fresh(), b = await fresh(), one = await a.fit(train, { validation: 0.2 }), two = await b.fit(part(all, 0, 40), { validation: part(all, 40, 50) });
  expect(one).toEqual(two);
  expect(a.parameters()).toEqual(b.parameters());
});
