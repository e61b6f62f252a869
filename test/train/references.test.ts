/** Loss, gradients and steps against PyTorch: ../shared/data/training. */
import { describe, expect, test } from "vitest";
import { convert } from "../../converter/convert.ts";
import { readNpz } from "../../targets/cli/npy.ts";
import { trainScalar, trainSimd } from "../../targets/node/train-builds.ts";
import { absent, hasShared, sharedBytes } from "../formats/shared.ts";
import { Device, type Hyper } from "./device.ts";

type Arrays = Record<string, { shape: number[]; data: ArrayLike<number> }>;

/** A parameter of ours in the order of the model, and those of PyTorch that it stands for. */
interface Pair { theirs: string; from: (theirs: Float32Array) => Float32Array }

/** [O,C,K,K] → [O,K,K,C] */
const filters = (C: number, K: number) => (w: Float32Array): Float32Array => Float32Array.from(w, (_, i) => {
  const c = i % C, k = Math.floor(i / C) % (K * K), o = Math.floor(i / C / K / K);
  return w[(o * C + c) * K * K + k]!;
});
const same = (w: Float32Array): Float32Array => w;

/** `side`: of the image behind the second pool, whose columns PyTorch flattens channels first. */
const cnn = (side: number): Pair[] => [
  { theirs: "conv1.weight", from: filters(3, 3) }, { theirs: "conv1.bias", from: same }, { theirs: "conv2.weight", from: filters(32, 3) }, { theirs: "conv2.bias", from: same },
  { theirs: "fc1.weight", from: filters(64, side) }, { theirs: "fc1.bias", from: same }, { theirs: "fc2.weight", from: same }, { theirs: "fc2.bias", from: same },
];
const lstm: Pair[] = ["weight_ih_l0", "bias_ih_l0", "bias_hh_l0", "weight_hh_l0"].map((n) => ({ theirs: `lstm.${n}`, from: same })).concat([{ theirs: "fc.weight", from: same }, { theirs: "fc.bias", from: same }]);

const models = { "seed-cnn24": cnn(6), "seed-cnn32": cnn(8), "mnist-lstm": lstm };
const sgd: Hyper = { optimizer: "momentum", learningRate: 0.01, momentum: 0.9 }, adam: Hyper = { optimizer: "adam", learningRate: 0.001, momentum: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** Every eighth row of fc1 of the CNNs is kept there. */
const thinned = (w: Float32Array, rows: number, kept: number) => (kept === w.length ? w : Float32Array.from({ length: kept }, (_, i) => {
  const row = w.length / rows;
  return w[Math.floor(i / row) * 8 * row + (i % row)]!;
}));

describe.skipIf(!hasShared)(`PyTorch's steps${hasShared ? "" : ` (${absent})`}`, () => {
  describe.each(Object.entries(models))("%s", (name, pairs) => {
    const read = async () => {
      const npz = await readNpz(sharedBytes(`data/training/${name}.npz`), `${name}.npz`) as unknown as Arrays, floats = (key: string) => Float32Array.from(npz[key]!.data);
      const { model } = await convert(sharedBytes(`models/trained/${name}/model.onnx`), { name: "model.onnx", precision: "float32", trainable: "all" });
      const trained = async (trainable: string) => (trainable === "all" ? model : (await convert(sharedBytes(`models/trained/${name}/model.onnx`), { name: "model.onnx", precision: "float32", trainable })).model);
      return { floats, trained, has: (key: string) => key in npz };
    };
    const expectParameters = (device: Device, group: string, { floats, has }: Awaited<ReturnType<typeof read>>, of: "masters" | "gradients" = "masters") => {
      const used = pairsOf(device, pairs);
      for (const [ours, { theirs, from }] of used) {
        const key = `${group}/${theirs}`;
        expect(has(key), key).toBe(true);
        const want = floats(key), rows = rowsOf(device, ours), got = Float32Array.from(device.parameter(ours, of));
        expectClose(thinned(got, rows, want.length), from(want), `${key}`);
      }
    };

    test.each([trainScalar, trainSimd].map((b) => [b.name, b] as const))("loss, gradients, ten steps of SGD and of Adam, the last layer alone [%s]", async (_, build) => {
      const reference = await read(), { floats, has } = reference, x = floats("batch/input"), labels = floats("batch/labels");
      for (const [group, hyper, trainable] of [["sgd", sgd, "all"], ["adam", adam, "all"], ["lastsgd", sgd, "last"]] as const) {
        const device = new Device(await reference.trained(trainable), build), losses = floats(`${group}_losses`);
        const fresh = has(`init/${pairs[0]!.theirs}`);
        if (fresh && trainable === "last") continue; // the frozen layers of the file are trained ones
        if (fresh) for (const [ours, { theirs, from }] of pairsOf(device, pairs)) device.parameter(ours).set(from(floats(`init/${theirs}`)));
        device.setHyper(hyper);
        device.give(x, labels);
        expect(device.exports.octavo_train_gradient()).toBeCloseTo(losses[0]!, 5);
        if (group === "sgd") expectParameters(device, "grad", reference, "gradients");
        expect(device.exports.octavo_train_update()).toBe(1);
        expectParameters(device, `${group}1`, reference);
        for (let step = 1; step < 10; step++) {
          device.give(x, labels);
          expect(Math.abs(device.exports.octavo_train_step() - losses[step]!) / losses[0]!, `loss of step ${step}`).toBeLessThan(1e-4);
        }
        expectParameters(device, `${group}10`, reference);
      }
    }, 120_000);
  });
});

/** Our parameters in the order of the model; the last ones where only the last layer is trained. */
function pairsOf(device: Device, pairs: readonly Pair[]): [string, Pair][] {
  const names = device.info.parameters.map((p) => p.name);
  return names.map((name, i) => [name, pairs[pairs.length - names.length + i]!]);
}

const rowsOf = (device: Device, name: string) => device.info.parameters.find((p) => p.name === name)!.shape[0]!;

/**
 * Within 1e-4: every element, relative to the largest; after Adam the whole tensor, by Euclidean norms. Adam moves a weight by
 * g / (|g| + 1e-8), so that a gradient of 1e-9 (one element of 36,864 here) shows float32's rounding of its terms in full.
 */
function expectClose(got: Float32Array, want: Float32Array, what: string): void {
  const errors = want.map((w, i) => got[i]! - w), norm = what.startsWith("adam") ? (v: Float32Array) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0)) : (v: Float32Array) => v.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  expect(got.length, what).toBe(want.length);
  expect(norm(errors) / norm(want), what).toBeLessThan(1e-4);
}
