/** Learning-rate schedules, the order of samples, hyperparameters: values from their definitions. */
import { expect, test } from "vitest";
import { hyperOf, isHyper, writeHyper, type OptimizerName } from "../../sdk/train/hyper.ts";
import { constant, cosine, linear, stepDecay, warmUp, type Schedule } from "../../sdk/train/schedule.ts";
import { shuffled } from "../../sdk/train/shuffle.ts";

const rates = (schedule: Schedule, steps = 8, epochs = 4) => Array.from({ length: steps }, (_, step) => schedule({ step, steps, epoch: Math.floor((step * epochs) / steps), epochs }));
const near = (values: number[]) => values.map((v) => expect.closeTo(v, 10));

test("constant", () => expect(rates(constant())).toEqual(Array(8).fill(1)));
test("step: × factor after every n epochs", () => expect(rates(stepDecay({ every: 2, factor: 0.5 }))).toEqual([1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]));
test("linear", () => expect(rates(linear({ floor: 0.2 }))).toEqual(near([1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])));
test("cosine", () => expect(rates(cosine({ floor: 0.1 }), 100)).toEqual(near(Array.from({ length: 100 }, (_, i) => 0.1 + 0.45 * (1 + Math.cos((Math.PI * i) / 100))))));
test("warm-up, then the other schedule over the steps that are left", () => expect(rates(warmUp(4, linear()))).toEqual(near([0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25])));

test("an order is a permutation, its own for each seed and epoch, and the same everywhere", () => {
  const order = shuffled(1000, 7, 3);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  for (const other of [shuffled(1000, 8, 3), shuffled(1000, 7, 4)]) expect(order.filter((v, i) => v === other[i]).length).toBeLessThan(20);
  expect([...shuffled(8, 1, 0)]).toEqual([5, 0, 7, 6, 2, 1, 3, 4]);
  expect([...shuffled(8, -5, 2)]).toEqual([1, 0, 3, 2, 4, 6, 5, 7]);
  expect([...shuffled(1, 0, 0)]).toEqual([0]);
});

test("places of an element are spread evenly", () => {
  const counts = new Array<number>(6).fill(0);
  for (let seed = 0; seed < 6000; seed++) counts[shuffled(6, seed, 0).indexOf(2)]!++;
  for (const n of counts) expect(Math.abs(n - 1000)).toBeLessThan(150);
});

const adam = { optimizer: "adam" as const, slots: 2 }, sgd = { optimizer: "sgd" as const, slots: 0 };
const code = (name: string) => expect.objectContaining({ code: `ERR_OCTAVO_${name}` });
const thrown = (call: () => unknown): unknown => { try { return call(); } catch (e) { return e; } };

test("defaults are PyTorch's", () => {
  expect(hyperOf({}, adam)).toMatchObject({ optimizer: "adam", learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 });
  expect(hyperOf({ optimizer: "adamw" }, adam)).toMatchObject({ weightDecay: 0.01 });
  expect(hyperOf({ optimizer: "rmsprop" }, adam)).toMatchObject({ learningRate: 1e-2, alpha: 0.99, epsilon: 1e-8 });
  expect(hyperOf({ optimizer: "adagrad" }, adam)).toMatchObject({ learningRate: 1e-2, epsilon: 1e-10 });
});

test("a momentum without an optimizer means SGD with momentum", () => {
  expect(hyperOf({ momentum: 0.8 }, adam)).toMatchObject({ optimizer: "momentum", momentum: 0.8 });
  expect(hyperOf({ momentum: 0.8, optimizer: "sgd" }, adam)).toMatchObject({ optimizer: "momentum", momentum: 0.8 });
  expect(hyperOf({ momentum: 0.8 }, { optimizer: "nesterov", slots: 1 })).toMatchObject({ optimizer: "nesterov" });
  expect(hyperOf({ momentum: 0, optimizer: "sgd" }, sgd)).toMatchObject({ optimizer: "sgd", momentum: 0 });
});

test("what does not fit or make sense is refused", () => {
  expect(thrown(() => hyperOf({ optimizer: "adam" }, sgd))).toEqual(code("MEMORY"));
  expect(thrown(() => hyperOf({ momentum: 0.9 }, sgd))).toEqual(code("MEMORY"));
  expect(thrown(() => hyperOf({ optimizer: "lion" as OptimizerName }, adam))).toEqual(code("DTYPE"));
  for (const wrong of [{ learningRate: -1 }, { learningRate: NaN }, { learningRate: "fast" as never }, { beta1: 1 }, { alpha: 0.9 }, { clipNorm: Infinity }]) expect(thrown(() => hyperOf(wrong, adam))).toEqual(code("DTYPE"));
});

test("the struct is that of docs/training.md, and one of another file is told apart", () => {
  const view = new DataView(new ArrayBuffer(64));
  writeHyper(view, hyperOf({ learningRate: 0.5, weightDecay: 0.25, clipNorm: 2, clipValue: 3 }, adam));
  expect([view.getInt32(0, true), ...[4, 8, 12, 16, 20, 24, 28].map((at) => view.getFloat32(at, true)), view.getInt32(32, true), view.getFloat64(40, true), view.getFloat64(48, true)])
    .toEqual([3, 0.5, Math.fround(0.9), Math.fround(0.999), Math.fround(1e-8), 0.25, 2, 3, 0, 1, 1]);
  expect([isHyper(view, 2), isHyper(view, 1)]).toEqual([true, false]);
  view.setInt32(0, 77, true);
  expect(isHyper(view, 2)).toBe(false);
});
