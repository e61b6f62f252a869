/** Small networks with seeded weights, and samples for them. */
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { sizeOf, type Graph } from "../../converter/ir/graph.ts";
import { noClamp } from "../../converter/ir/ops.ts";
import type { Sample } from "../../converter/quantize/calibrate.ts";

/** Uniform in [0, 1), the same sequence for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const normal = (next: () => number): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
export const normals = (next: () => number, count: number, deviation = 1): Float32Array => Float32Array.from({ length: count }, () => normal(next) * deviation);

export const window = { stride: [1, 1], dilation: [1, 1], pad: [1, 1, 1, 1] };
export const relu: [number, number] = [0, Infinity];

/** Writes layers with random weights. */
export class Net {
  readonly g = new GraphBuilder("test", "net");
  private readonly next = random(7);

  weights(stem: string, shape: number[], fanIn: number): string {
    return this.g.constant(stem, "float32", shape, normals(this.next, sizeOf(shape), 1 / Math.sqrt(fanIn)));
  }

  conv(x: string, outputs: number, { kernel = 3, stride = 1, depthwise = false, clamp = noClamp } = {}): string {
    const channels = this.g.shape(x)[3]!, groups = depthwise ? channels : 1, inner = channels / groups, pad = kernel >> 1;
    const w = this.weights("w", [outputs, kernel, kernel, inner], kernel * kernel * inner), b = this.weights("b", [outputs], 10);
    return this.g.add("conv2d", [x, w, b], { stride: [stride, stride], dilation: [1, 1], pad: [pad, pad, pad, pad], groups, clamp });
  }

  dense(x: string, outputs: number): string {
    const inputs = this.g.shape(x).at(-1)!;
    return this.g.add("dense", [x, this.weights("w", [outputs, inputs], inputs), this.weights("b", [outputs], 10)], { clamp: noClamp });
  }

  lstm(x: string, hidden: number, bidirectional = false): string {
    const I = this.g.shape(x)[2]!, D = bidirectional ? 2 : 1, one = [{ fn: "sigmoid" as const, alpha: 0, beta: 0 }, { fn: "tanh" as const, alpha: 0, beta: 0 }, { fn: "tanh" as const, alpha: 0, beta: 0 }];
    const inputs = [x, this.weights("w", [D, 4 * hidden, I], I / 4), this.weights("r", [D, 4 * hidden, hidden], hidden / 4), this.weights("b", [D, 4 * hidden], 4)];
    return this.g.add("lstm", inputs, { direction: bidirectional ? "bidirectional" : "forward", hidden, activations: bidirectional ? [...one, ...one] : one, clip: 0, inputForget: false });
  }

  finish(output: string): Graph {
    this.g.output(output);
    return this.g.graph;
  }
}

/** Convolutions of every kind, activations, a residual, a concatenation, pooling, dense, softmax. */
export function convNet(): Graph {
  const net = new Net(), g = net.g, x = g.input("x", "float32", [1, 8, 8, 3]);
  const stem = net.conv(x, 8, { clamp: relu }), wide = net.conv(stem, 8, { depthwise: true });
  const swish = g.add("hardSwish", [wide], { alpha: 0, beta: 0 }), point = net.conv(swish, 8, { kernel: 1 });
  const sum = g.add("add", [point, stem], { clamp: relu }), both = g.add("concat", [sum, stem], { axis: 3 });
  const pooled = g.add("maxPool2d", [both], { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [0, 0, 0, 0], clamp: noClamp });
  const flat = g.add("reshape", [pooled], { shape: [1, 256] });
  return net.finish(g.add("softmax", [net.dense(flat, 10)], { axis: 1 }));
}

/** Two recurrent layers, one of them in both directions, and dense on the last step. */
export function lstmNet(): Graph {
  const net = new Net(), g = net.g, x = g.input("x", "float32", [6, 1, 5]);
  const first = g.add("reshape", [net.lstm(x, 12, true)], { shape: [6, 1, 24] }), second = net.lstm(first, 8);
  const last = g.add("slice", [second], { starts: [5, 0, 0, 0], steps: [1, 1, 1, 1], sizes: [1, 1, 1, 8] });
  return net.finish(net.dense(g.add("reshape", [last], { shape: [1, 8] }), 4));
}

export function samplesFor(graph: Graph, count: number, seed = 1): Sample[] {
  const next = random(seed);
  return Array.from({ length: count }, () => new Map(graph.inputs.map((name) => [name, normals(next, sizeOf(graph.tensors.get(name)!.shape))])));
}
