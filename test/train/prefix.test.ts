/** Frozen layers before the trainable ones are computed by inference: the gradients are those of training everything. */
import { describe, expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { sizeOf, type Graph, type TypedArray } from "../../converter/ir/graph.ts";
import { calibrate } from "../../converter/quantize/calibrate.ts";
import { quantize } from "../../converter/quantize/quantize.ts";
import { chooseLayers } from "../../converter/train/parameters.ts";
import { planTraining } from "../../converter/train/plan.ts";
import { load, scalar } from "../../targets/node/index.ts";
import { trainScalar, trainSimd } from "../../targets/node/train-builds.ts";
import { Net, relu } from "../quantize/nets.ts";
import { Device } from "./device.ts";

const wave = (n: number, s: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(1.7 * i + s) * (1 + (i % 3)));
const batch = 4, classes = 6;

const nets: Record<string, (n: Net) => string> = {
  "two convolutions, a pool and two dense layers": (n) => {
    const a = n.conv(n.g.input("x", "float32", [1, 8, 8, 3], "nhwc"), 8, { clamp: relu });
    const p = n.g.add("maxPool2d", [n.conv(a, 5, { clamp: relu })], { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [0, 0, 0, 0], clamp: [-Infinity, Infinity] });
    return n.dense(n.dense(n.g.add("reshape", [p], { shape: [1, 80] }), 12), classes);
  },
  "an LSTM and a dense layer": (n) => {
    const y = n.lstm(n.g.add("transpose", [n.g.input("x", "float32", [1, 7, 5])], { perm: [1, 0, 2] }), 9);
    const last = n.g.add("slice", [y], { starts: [6, 0, 0, 0], steps: [1, 1, 1, 1], sizes: [1, 1, 1, 9] });
    return n.dense(n.g.add("reshape", [last], { shape: [1, 9] }), classes);
  },
};

async function made(graph: Graph, precision: string, trainable: string): Promise<Uint8Array> {
  const samples = Array.from({ length: 8 }, (_, s) => new Map<string, TypedArray>([["x", wave(sizeOf(graph.tensors.get("x")!.shape), s)]]));
  const quantized = precision === "int8" ? quantize(graph, await calibrate(graph, samples)) : graph;
  const { graph: ordered, prefix, plan } = planTraining(quantized, graph, chooseLayers(quantized, trainable), { batch });
  return (await compile(ordered, { training: { plan, prefix } })).model;
}

describe.each(Object.entries(nets))("%s", (_, build) => {
  test.each(["float32", "int8"])("%s", async (precision) => {
    const net = new Net(), graph = net.finish(build(net)), [all, last] = [await made(graph, precision, "all"), await made(graph, precision, "last")];
    const size = sizeOf(graph.tensors.get("x")!.shape), x = Float32Array.from({ length: batch * size }, (_, i) => wave(size, Math.floor(i / size))[i % size]!), labels = [0, 3, 5, 1];
    const gradients = [trainScalar, trainSimd].map((b) => [all, last].map((model) => gradientOf(model, b, x, labels)));
    expect(gradients[0]).toEqual(gradients[1]);
    const [whole, own] = gradients[0] as [Step, Step], name = Object.keys(own.gradients)[0]!;
    expectClose(own.gradients[name]!, whole.gradients[name]!, precision === "float32" ? 1e-6 : 0.05);
    const loaded = await load(last, { builds: [scalar] }), answers = loaded.run(x) as Float32Array;
    expectClose(Float32Array.from(own.prediction), answers, precision === "float32" ? 1e-6 : 0.02);
  });
});

interface Step { loss: number; gradients: Record<string, number[]>; prediction: number[] }

function gradientOf(model: Uint8Array, build: typeof trainScalar, x: Float32Array, labels: number[]): Step {
  const device = new Device(model, build);
  device.give(x, labels);
  device.exports.octavo_train_forward();
  const prediction = [...device.floats(device.exports.octavo_train_output(0), batch * classes)];
  device.give(x, labels);
  const loss = device.exports.octavo_train_gradient();
  return { loss, prediction, gradients: Object.fromEntries(device.info.parameters.map((p) => [p.name, [...device.parameter(p.name, "gradients")]])) };
}

function expectClose(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number): void {
  const largest = Math.max(...Array.from(want, Math.abs));
  Array.from(want).forEach((w, i) => expect(Math.abs(got[i]! - w)).toBeLessThanOrEqual(tolerance * largest));
}
