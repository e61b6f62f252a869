/** Graphs for the tests: channels-first building blocks as a reader writes them, seeded data, and the comparison of two graphs. */
import { expect } from "vitest";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { checkGraph } from "../../converter/ir/check.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { allocate, sizeOf, tensorOf, type Graph, type TypedArray } from "../../converter/ir/graph.ts";
import { noClamp, type BinaryOp, type UnaryOp } from "../../converter/ir/ops.ts";

/** Numbers in [-1, 1), the same in every run. */
export function random(seed: number): () => number {
  let s = seed >>> 0 || 1;
  return () => {
    s = (Math.imul(s ^ (s >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    const t = Math.imul(s ^ (s >>> 12), 0x297a2d39);
    return ((t ^ (t >>> 15)) >>> 0) / 2 ** 31 - 1;
  };
}

export const randoms = (n: number, seed = 1): Float32Array => Float32Array.from({ length: n }, random(seed));

/** A builder with shorthands. Activations named by strings; constants are seeded by their number. */
export class Net extends GraphBuilder {
  private seed = 1;

  constructor() {
    super("test", "net");
  }

  weights(...shape: number[]): string {
    return this.constant("w", "float32", shape, randoms(sizeOf(shape), ++this.seed).map((v) => v / Math.sqrt(sizeOf(shape.slice(1)) || 1)));
  }

  real(values: number[], shape: number[] = values.length === 1 ? [] : [values.length]): string {
    return this.constant("c", "float32", shape, Float32Array.from(values));
  }

  unary(op: UnaryOp, x: string, alpha = 0, beta = 0): string {
    return this.add(op, [x], { alpha, beta });
  }

  binary(op: BinaryOp, a: string, b: string): string {
    return this.add(op, [a, b], { clamp: noClamp });
  }

  relu(x: string): string {
    return this.unary("clip", x, 0, Infinity);
  }

  reshape(x: string, ...shape: number[]): string {
    return this.add("reshape", [x], { shape });
  }

  transpose(x: string, ...perm: number[]): string {
    return this.add("transpose", [x], { perm });
  }

  dense(x: string, O: number, bias = true): string {
    return this.add("dense", [x, this.weights(O, this.shape(x).at(-1)!), ...(bias ? [this.weights(O)] : [])], { clamp: noClamp });
  }

  conv(x: string, O: number, K = 3, { stride = 1, groups = 1, pad = K >> 1, bias = true } = {}): string {
    const w = this.weights(O, K, K, this.shape(x)[3]! / groups);
    return this.add("conv2d", [x, w, ...(bias ? [this.weights(O)] : [])], { stride: [stride, stride], dilation: [1, 1], pad: [pad, pad, pad, pad], groups, clamp: noClamp });
  }

  /** A convolution of [N,C,H,W], as a reader of such a format writes it. */
  convFirst(x: string, O: number, K = 3, options: Parameters<Net["conv"]>[3] = {}): string {
    return this.transpose(this.conv(this.transpose(x, 0, 2, 3, 1), O, K, options), 0, 3, 1, 2);
  }

  batchNorm(x: string, axis: number): string {
    const C = this.shape(x)[axis]!, positive = this.constant("variance", "float32", [C], randoms(C, ++this.seed).map((v) => v * v + 0.1));
    return this.add("batchNorm", [x, this.weights(C), this.weights(C), this.weights(C), positive], { axis, epsilon: 1e-5 });
  }

  /** The graph with these outputs, checked. */
  finish(...outputs: string[]): Graph {
    for (const output of outputs) this.output(output);
    checkGraph(this.graph);
    return this.graph;
  }
}

export function image(...shape: number[]): Net {
  const net = new Net();
  net.input("x", "float32", shape);
  return net;
}

export function inputsOf(graph: Graph, seed = 7): Map<string, TypedArray> {
  return new Map(graph.inputs.map((name, i) => {
    const { dtype, shape } = tensorOf(graph, name), data = allocate(dtype, sizeOf(shape));
    randoms(data.length, seed + i).forEach((v, k) => { data[k] = dtype === "float32" ? v : Math.round(v * 100); });
    return [name, data];
  }));
}

export const opsOf = (graph: Graph): string[] => graph.nodes.map((n) => n.op);

/** Both graphs compute the same from seeded inputs, relative to the largest value of each output, and keep names and shapes. Inputs are of order 1: what cancels to less than 1e-2 is rounding. */
export function expectSame(before: Graph, after: Graph, tolerance = 1e-5): void {
  checkGraph(after);
  expect(after.inputs).toEqual(before.inputs);
  expect(after.outputs).toEqual(before.outputs);
  const inputs = inputsOf(before), keep = new Set(before.outputs);
  const a = evaluate(before, inputs, { keep }), b = evaluate(after, inputs, { keep });
  for (const name of before.outputs) {
    expect(tensorOf(after, name).shape).toEqual(tensorOf(before, name).shape);
    expect(tensorOf(after, name).dtype).toEqual(tensorOf(before, name).dtype);
    const x = a.get(name)!, y = b.get(name)!, range = x.reduce((m: number, v: number) => Math.max(m, Math.abs(v)), 1e-2);
    expect(y.length).toBe(x.length);
    let worst = 0;
    for (let i = 0; i < x.length; i++) worst = Math.max(worst, Number.isNaN(x[i]!) && Number.isNaN(y[i]!) ? 0 : Math.abs(x[i]! - y[i]!));
    expect(worst / range, `largest error of "${name}"`).toBeLessThanOrEqual(tolerance);
  }
}
