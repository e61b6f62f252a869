/**
 * ONNX's node tests of losses and optimizers by the kernels `loss` and `optimize`. Weights per class, ignore_index and reduction are
 * weights of rows; decay_factor is a rate per step, norm_coefficient the weight decay, beta of Momentum 1 − dampening, and
 * Adam's epsilon stands outside of its bias correction. Not expressed: norm_coefficient_post of Adam.
 */
import { describe, expect, test } from "vitest";
import { messages, type ModelProto } from "../../converter/formats/onnx/proto.ts";
import type { Value } from "../../converter/formats/onnx/tensor.ts";
import { decode } from "../../converter/formats/wire/protobuf.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { compile } from "../../converter/compile.ts";
import type { Build } from "../../sdk/build.ts";
import { load } from "../../targets/node/index.ts";
import { cases, readCase, suite, type Case } from "../formats/onnx-suite.ts";
import { loadCall, type Operands } from "./call.ts";
import { hyperOf, type Hyper } from "./hyper.ts";
import { builds } from "./run.ts";

type Attributes = Record<string, number | string | undefined>;

function nodeOf(c: Case): { op: string; inputs: string[]; attributes: Attributes } {
  const [node] = (decode(c.model, messages.model) as ModelProto).graph!.node!, values = (node!.attribute ?? []).map((a) => [a.name!, a.s?.length ? new TextDecoder().decode(a.s) : (a.f || Number(a.i ?? 0n))] as const);
  return { op: node!.opType!, inputs: node!.input!, attributes: Object.fromEntries(values) };
}

/** [N,C,…] → [N,…,C] */
function classesLast({ shape, data }: Value): Float32Array {
  const [N, C] = shape as [number, number], rows = data.length / N / C, y = new Float32Array(data.length);
  for (let n = 0; n < N; n++) for (let c = 0; c < C; c++) for (let r = 0; r < rows; r++) y[(n * rows + r) * C + c] = data[(n * C + c) * rows + r]!;
  return y;
}

/** What each row counts: its class's weight, 0 where it is ignored. */
const rowWeights = (labels: ArrayLike<number>, classes: ArrayLike<number> | undefined, ignored: number | string | undefined): Float32Array =>
  Float32Array.from(labels, (k) => (k === ignored ? 0 : classes ? classes[k]! : 1));

/** The loss and the logarithms of softmax of `rows` rows. */
async function lossModel(op: string, rows: number, C: number, build: Build): Promise<(x: Float32Array, labels: Float32Array, weights: Float32Array) => { loss: number; logs: ArrayLike<number> }> {
  const b = new GraphBuilder("test", op), [prediction, target, counted] = [b.input("x", "float32", [rows, C]), b.input("labels", "float32", [rows]), b.input("weights", "float32", [rows])];
  b.output(b.add("loss", [prediction, target, counted], { kind: op === "SoftmaxCrossEntropyLoss" ? "softmaxCrossEntropy" : "negativeLogLikelihood", labels: "index", parameter: 0 }, ["loss"]));
  b.output(b.add("logSoftmax", [prediction], { axis: 1 }, ["logs"]));
  const model = await load((await compile(b.graph)).model, { builds: [build] });
  return (x, labels, weights) => {
    const { loss, logs } = model.run({ x, labels, weights }) as Operands;
    return { loss: loss![0]!, logs: logs! };
  };
}

async function runLoss(c: Case, build: Build): Promise<ArrayLike<number>[]> {
  const { op, inputs, attributes } = nodeOf(c), [given, classes, perClass] = inputs.map((name) => c.inputs.get(name)) as [Value, Value, Value?];
  const C = given.shape[1]!, x = classesLast(given), labels = Float32Array.from(classes.data), weights = rowWeights(labels, perClass?.data, attributes.ignore_index);
  const all = await lossModel(op, labels.length, C, build), one = await lossModel(op, 1, C, build), reduction = attributes.reduction ?? "mean", sum = weights.reduce((s, v) => s + v, 0);
  const whole = all(x, labels, reduction === "mean" ? weights.map((v) => v / sum) : weights);
  return [reduction === "none" ? Array.from(labels, (_, r) => one(x.subarray(r * C, (r + 1) * C), labels.subarray(r, r + 1), weights.subarray(r, r + 1)).loss) : [whole.loss], whole.logs];
}

interface Step { hyper: Hyper; slots: string[] }
type Optimizer = (a: Attributes, rate: number, t: number) => Step;
const number = (a: Attributes, name: string, otherwise: number): number => Number(a[name] ?? otherwise);

/** Step t of ONNX as the kernel's hyperparameters. */
const optimizers: Record<string, Optimizer> = {
  Adagrad: (a, rate, t) => ({ hyper: { name: "adagrad", rate: rate / (1 + t * number(a, "decay_factor", 0)), eps: number(a, "epsilon", 1e-6), decay: number(a, "norm_coefficient", 0) }, slots: ["m"] }),
  Momentum: (a, rate, t) => ({
    hyper: { name: a.mode === "nesterov" ? "nesterov" : "momentum", rate, steps: t, momentum: number(a, "alpha", 0), dampening: 1 - number(a, "beta", 1), decay: number(a, "norm_coefficient", 0) }, slots: ["m"],
  }),
  Adam: (a, rate, t) => {
    const [alpha, beta] = [number(a, "alpha", 0.9), number(a, "beta", 0.999)], corrected = t > 0, power = (base: number) => (corrected ? base ** (t - 1) : 0);
    const eps = number(a, "epsilon", 1e-6) / (corrected ? Math.sqrt(1 - beta ** t) : 1);
    return { hyper: { name: "adam", rate, steps: 1, betas: [alpha, beta], beta1Power: power(alpha), beta2Power: power(beta), eps, decay: number(a, "norm_coefficient", 0) }, slots: ["m", "v"] };
  },
};

const padded = (v: ArrayLike<number>): Float32Array => {
  const y = new Float32Array(Math.ceil(v.length / 4) * 4);
  y.set(v);
  return y;
};

async function runOptimizer(c: Case, build: Build): Promise<ArrayLike<number>[]> {
  const { op, inputs, attributes } = nodeOf(c), [rate, t, ...rest] = inputs.map((name) => c.inputs.get(name)!.data), { hyper, slots } = optimizers[op]!(attributes, rate![0]!, t![0]!), count = rest.length / (2 + slots.length);
  expect(number(attributes, "norm_coefficient_post", 0)).toBe(0);
  const results: ArrayLike<number>[] = [];
  for (let i = 0; i < count; i++) {
    const operands: Operands = { hyper: hyperOf(hyper), w: padded(rest[i]!), g: padded(rest[count + i]!) };
    slots.forEach((slot, k) => { operands[slot] = padded(rest[(2 + k) * count + i]!); });
    const after = (await loadCall("optimize", operands, { ...(slots.length < 2 && { v: 0 }), n: operands.w!.length }, build)).run(operands) as Operands;
    ["w", ...slots].forEach((name, k) => { results[k * count + i] = after[name]!.slice(0, rest[i]!.length); });
  }
  return results;
}

function expectClose(found: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(found.length).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) expect(Math.abs(found[i]! - wanted[i]!)).toBeLessThanOrEqual(1e-7 + 1e-4 * Math.abs(wanted[i]!));
}

const runs: Record<string, (c: Case, build: Build) => Promise<ArrayLike<number>[]>> = {
  SoftmaxCrossEntropyLoss: runLoss, NegativeLogLikelihoodLoss: runLoss, Adagrad: runOptimizer, Momentum: runOptimizer, Adam: runOptimizer,
};
const all = cases().filter((name) => /^test_(sce|nllloss|adagrad|adam|momentum|nesterov)/.test(name) && !name.endsWith("_expanded"));
describe.skipIf(!all.length)(`ONNX's losses and optimizers (${all.length || `${suite} is absent`})`, () => {
  test.each(all)("%s", async (name) => {
    const c = readCase(name), wanted = [...c.outputs.values()];
    for (const build of builds) {
      const found = await runs[nodeOf(c).op]!(c, build);
      wanted.forEach((v, i) => expectClose(found[i]!, i === 1 && runs[nodeOf(c).op] === runLoss ? classesLast(v) : v.data));
    }
  });
});
