/** What was learned reaches the model: commit, guard, files, deltas, checkpoints of the wrong model. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { load, scalar, simd } from "../../targets/node/index.ts";
import { applyDelta, distill, restoreCheckpoint, revertDelta, saveCheckpoint, trainer as trainerOf } from "../../targets/node/train.ts";
import { code, data, forgetAll, pair, part, thrown, trainable, type File } from "./model.ts";

const folder = mkdtempSync(path.join(tmpdir(), "octavo-trainer-")), at = (name: string) => path.join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const all = data(80, 3), train = part(all, 0, 50), held = part(all, 50, 80);

test.each([["digits-cnn.h5", "last"], ["digits-cnn.h5", "all"], ["digits-lstm.onnx", "last"], ["digits-lstm.onnx", "all"]] as [File, "last" | "all"][])("%s, %s: the model that runs does what the masters do", async (file, layers) => {
  const { model, trainer } = await pair(file, { learningRate: 0.005, convert: { trainable: layers } }), before = model.save(), answers = model.run(held.x);
  await trainer.fit(train, { epochs: 6 });
  expect(model.save()).toEqual(before);
  expect(trainer.commit()).toEqual({ committed: true });
  expect(model.run(held.x)).not.toEqual(answers);
  expect(trainer.score(held).value).toBeGreaterThanOrEqual(trainer.evaluate(held).accuracy! - 0.04);
  const saved = model.save();
  for (const build of [scalar, simd]) {
    const copy = await load(saved, { builds: [build] });
    expect(copy.run(held.x)).toEqual(model.run(held.x));
    expect(copy.save()).toEqual(saved);
  }
  expect(trainer.commit()).toEqual({ committed: true });
  expect(model.save()).toEqual(saved);
});

test("a commit without training changes no answer", async () => {
  const { model, trainer } = await pair(), y = model.run(held.x);
  trainer.commit();
  expect(model.run(held.x)).toEqual(y);
});

test("a guard set undoes a commit that does worse", async () => {
  const { model, trainer } = await pair(), before = model.save();
  forgetAll(trainer);
  const result = trainer.commit({ guard: held });
  expect(result).toMatchObject({ committed: false, before: { metric: "accuracy" }, after: { metric: "accuracy" } });
  expect(result.after!.value).toBeLessThan(result.before!.value);
  expect(model.save()).toEqual(before);
  expect(trainer.commit({ guard: held, tolerance: 1 }).committed).toBe(true);
});

test("a delta leads to the trained model and back, on another instance too", async () => {
  const { model, trainer } = await pair("digits-cnn.h5", { learningRate: 0.01 }), base = model.base();
  await trainer.fit(train, { epochs: 2 });
  trainer.commit();
  const delta = trainer.delta(), trained = model.save(), other = await load(base);
  expect(delta.length).toBeLessThan(base.length / 5);
  applyDelta(other, delta);
  expect([other.save(), other.run(held.x)]).toEqual([trained, model.run(held.x)]);
  expect(thrown(() => applyDelta(other, delta))).toEqual(code("FORMAT", /applied already/));
  revertDelta(other, delta);
  expect(other.save()).toEqual(base);
  expect(thrown(() => revertDelta(other, delta))).toEqual(code("FORMAT"));
  const stranger = await load(await trainable("digits-lstm.onnx"));
  expect(thrown(() => applyDelta(stranger, delta))).toEqual(code("FORMAT", /another model file/));
  applyDelta(other, delta);
  const again = trainerOf(other);
  again.commit();
  expect(again.delta().length).toBeGreaterThan(80);
});

test("a model is updated by states of itself alone", async () => {
  const { model } = await pair(), before = model.save(), other = await trainable("digits-lstm.onnx");
  expect(thrown(() => model.update(other))).toEqual(code("FORMAT"));
  const broken = before.slice(), params = new DataView(broken.buffer).getUint32(56, true);
  broken.fill(255, params, params + 64);
  expect(thrown(() => model.update(broken))).toEqual(code("FORMAT", /refused by the checks/));
  expect(model.save()).toEqual(before);
  expect(model.run(held.x)).toHaveLength(300);
});

test("a checkpoint of another model and one cut off at any byte change nothing", async () => {
  const { trainer } = await pair(), cnn = trainer.checkpoint(), lstm = (await pair("digits-lstm.onnx")).trainer;
  expect(thrown(() => lstm.restore(cnn))).toEqual(code("FORMAT", /belongs to the model file/));
  trainer.step(train.x.subarray(0, 784 * 8), train.labels.subarray(0, 8));
  const now = trainer.checkpoint();
  for (let n = 0; n < cnn.length; n += n < 200 ? 1 : 997) expect(thrown(() => trainer.restore(cnn.subarray(0, n)))).toEqual(code("FORMAT"));
  expect(trainer.checkpoint()).toEqual(now);
  trainer.restore(cnn);
  expect(trainer.checkpoint()).toEqual(cnn);
});

test("checkpoints on disk: the one before the last is there when the last is cut off or missing", async () => {
  const { trainer } = await pair(), file = at("run.ckpt"), step = () => trainer.step(train.x.subarray(0, 784 * 8), train.labels.subarray(0, 8));
  await expect(restoreCheckpoint(file, trainer)).rejects.toEqual(code("SOURCE"));
  await saveCheckpoint(file, trainer);
  const first = trainer.checkpoint();
  step();
  await saveCheckpoint(file, trainer);
  const second = trainer.checkpoint();
  step();
  expect(await restoreCheckpoint(file, trainer)).toBe("newest");
  expect(trainer.checkpoint()).toEqual(second);
  for (const length of [second.length - 1, 500, 0]) {
    truncateSync(file, length);
    step();
    expect(await restoreCheckpoint(file, trainer)).toBe("previous");
    expect(trainer.checkpoint()).toEqual(first);
  }
  writeFileSync(`${file}.previous`, "nothing");
  await expect(restoreCheckpoint(file, trainer)).rejects.toEqual(code("FORMAT"));
  expect(trainer.checkpoint()).toEqual(first);
  expect(readFileSync(file)).toHaveLength(0);
});

test("a student learns from its teacher's logits", async () => {
  const teacher = await load(await trainable("digits-cnn.h5", { precision: "float32" })), { trainer } = await pair("digits-cnn.h5", { learningRate: 0.01, convert: { loss: "distillation" } });
  forgetAll(trainer);
  const lesson = distill(teacher, train.x), probabilities = teacher.run(train.x);
  expect(lesson.labels).toHaveLength(500);
  for (let i = 0; i < 500; i++) if (probabilities[i]! > 0.001) expect(Math.exp(lesson.labels[i]!)).toBeCloseTo(probabilities[i]!, 5);
  const before = trainer.evaluate(lesson), { epochs } = await trainer.fit(lesson, { epochs: 15 });
  expect(epochs.at(-1)!.loss).toBeLessThan(before.loss / 3);
  expect(trainer.evaluate(lesson).accuracy).toBeGreaterThan(0.9);
});
