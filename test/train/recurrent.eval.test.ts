/** Gradients of recurrent layers in the evaluator: central differences in double, and the layers of inference as their forward pass. */
import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import * as recurrent from "../../converter/ir/eval/recurrent.grad.ts";
import { gatherGrad } from "../../converter/ir/eval/shape.ts";
import type { Value } from "../../converter/ir/eval/value.ts";
import { sizeOf } from "../../converter/ir/graph.ts";
import { random } from "../kernels/random.ts";

type Values = Record<string, Float64Array>;
const T = 4, N = 2, H = 3;
const stepwise = ["gates", "act", "dgates", "dsums"];

/** lstm, gru … with the gates that they have, their states, and what the forward pass keeps for the gradient. */
const layers = {
  lstm: { G: 4, attributes: {}, keeps: ["act", "c"], ...pick("lstm") },
  "gru, reset before": { G: 3, attributes: { linearBeforeReset: false }, keeps: ["act", "inner", "h"], ...pick("gru") },
  "gru, linear before reset": { G: 3, attributes: { linearBeforeReset: true }, keeps: ["act", "inner", "h"], ...pick("gru") },
  "rnn, tanh": { G: 1, attributes: { activation: "tanh" as const }, keeps: ["h"], ...pick("rnn") },
  "rnn, relu": { G: 1, attributes: { activation: "relu" as const }, keeps: ["h"], ...pick("rnn") },
};
type Layer = (typeof layers)[keyof typeof layers];

function pick(op: "lstm" | "gru" | "rnn") {
  const forward = recurrent[`${op}Forward`], grad = recurrent[`${op}Grad`], lstm = op === "lstm";
  return {
    op, forward: forward as (a: never, i: Value[], o: Value[]) => void, grad: grad as (a: never, i: Value[], o: Value[]) => void,
    inputs: ["gates", "r", ...(op === "gru" ? ["rb"] : []), "h0", ...(lstm ? ["c0"] : [])],
    outputs: lstm ? ["y", "act", "c", "hn"] : op === "gru" ? ["y", "act", "inner", "hn", "h"] : ["y", "hn", "h"],
    gradInputs: ["h0", ...(lstm ? ["c0"] : []), "dy", "dhn", ...(lstm ? ["dcn"] : [])],
    gradients: ["dgates", "dh0", ...(lstm ? ["dc0"] : op === "gru" ? ["dsums"] : [])],
  };
}

function shapeOf(name: string, G: number): number[] {
  if (stepwise.includes(name)) return [T, N, G * H];
  if (name === "r") return [G * H, H];
  return name === "rb" ? [G * H] : /0$|hn$|cn$/.test(name) ? [N, H] : [T, N, H];
}

const value = (layer: Layer, name: string, data = new Float64Array(sizeOf(shapeOf(name, layer.G)))): Value =>
  ({ dtype: "float32", shape: shapeOf(name, layer.G), data }) as unknown as Value;
const run = (layer: Layer, call: Layer["forward"], inputs: Value[], names: string[]): Values => {
  const outputs = names.map((name) => value(layer, name));
  call({ hidden: H, ...layer.attributes } as never, inputs, outputs);
  return Object.fromEntries(names.map((name, i) => [name, outputs[i]!.data as unknown as Float64Array]));
};
const forward = (layer: Layer, given: Values): Values => run(layer, layer.forward, layer.inputs.map((name) => value(layer, name, given[name])), layer.outputs);

const made = (layer: Layer, seed: number): Values => {
  const r = random(seed);
  return Object.fromEntries([...layer.inputs, ...layer.gradInputs].map((name) => [name, Float64Array.from(r.floats(sizeOf(shapeOf(name, layer.G))))]));
};

/** Σ y·dy + hn·dhn, and of an LSTM + c[T−1]·dcn */
function loss(layer: Layer, given: Values): number {
  const { y, hn, c } = forward(layer, given), dot = (a: Float64Array, b: Float64Array) => a.reduce((s, v, i) => s + v * b[i]!, 0);
  return dot(y!, given.dy!) + dot(hn!, given.dhn!) + (c ? dot(c.subarray((T - 1) * N * H), given.dcn!) : 0);
}

/** The gradients of every input: those of r and rb by rows, as ops.recurrent.grad.ts says. */
function gradients(layer: Layer, given: Values): Values {
  const kept = forward(layer, given), by = run(layer, layer.grad, [value(layer, "r", given.r), ...layer.keeps.map((name) => value(layer, name, kept[name])), ...layer.gradInputs.map((name) => value(layer, name, given[name]))], layer.gradients);
  const linear = "linearBeforeReset" in layer.attributes && layer.attributes.linearBeforeReset, d = linear ? by.dsums! : by.dgates!, G = layer.G;
  const before = Float64Array.from([...given.h0!, ...kept.y!.subarray(0, (T - 1) * N * H)]), dr = new Float64Array(G * H * H), drb = new Float64Array(G * H);
  for (let row = 0; row < T * N; row++) for (let o = 0; o < G * H; o++) {
    const seen = layer.op === "gru" && !linear && o >= 2 * H ? kept.inner! : before;
    drb[o]! += d[row * G * H + o]!;
    for (let k = 0; k < H; k++) dr[o * H + k]! += d[row * G * H + o]! * seen[row * H + k]!;
  }
  return { gates: by.dgates!, h0: by.dh0!, c0: by.dc0!, r: dr, rb: drb };
}

describe.each(Object.entries(layers))("%s", (_, layer) => {
  test.each(layer.inputs)("central differences of %s", (name) => {
    const given = made(layer, 5), dx = gradients(layer, given)[name]!, h = 1e-5;
    for (let i = 0; i < dx.length; i++) {
      const at = (by: number) => loss(layer, { ...given, [name]: given[name]!.map((v, k) => (k === i ? v + by : v)) });
      expect((at(h) - at(-h)) / (2 * h)).toBeCloseTo(dx[i]!, 8);
    }
  });

  test("equals the layer of inference", () => {
    const given = made(layer, 6), { y } = forward(layer, given), b = new GraphBuilder("test", "layer"), I = layer.G * H;
    const identity = Float32Array.from({ length: I * I }, (_, i) => Number(i % (I + 1) === 0)), floats = (name: string) => Float32Array.from(given[name]!);
    const activations = { lstm: ["sigmoid", "tanh", "tanh"], gru: ["sigmoid", "tanh"], rnn: ["activation" in layer.attributes && layer.attributes.activation === "relu" ? "clip" : "tanh"] }[layer.op];
    const inputs = [b.input("x", "float32", [T, N, I]), b.constant("w", "float32", [1, I, I], identity), b.constant("r", "float32", [1, I, H], floats("r"))];
    inputs.push(layer.op === "gru" ? b.constant("b", "float32", [1, 6 * H], Float32Array.from([...new Float32Array(3 * H), ...floats("rb")])) : "", b.input("h0", "float32", [1, N, H]));
    if (layer.op === "lstm") inputs.push(b.input("c0", "float32", [1, N, H]));
    b.output(b.add(layer.op, inputs, {
      direction: "forward", hidden: H, clip: 0, inputForget: false, activations: activations.map((fn) => ({ fn, alpha: 0, beta: Infinity })), ...layer.attributes,
    } as never, ["y"]));
    const want = evaluate(b.graph, new Map([["x", floats("gates")], ["h0", floats("h0")], ...(given.c0 ? [["c0", floats("c0")] as const] : [])])).get("y")!;
    y!.forEach((v, i) => expect(v).toBeCloseTo(want[i]!, 6));
  });
});

test("gatherGrad adds rows in the order of their indices, negative ones from the end", () => {
  const of = (shape: number[], data: number[]): Value => ({ dtype: "float32", shape, data: Float32Array.from(data) }), y = of([4, 2], new Array(8).fill(0));
  gatherGrad({}, [of([4, 2], [1, 2, 3, 4, 5, 6, 7, 8]), of([3], [3, 0, -1]), of([3, 2], [10, 20, 30, 40, 50, 60])], [y]);
  expect([...y.data]).toEqual([31, 42, 3, 4, 5, 6, 67, 88]);
});
