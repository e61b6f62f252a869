/** Vectors of CMSIS-NN's unit tests, which its generator made with TFLite's reference kernels, as quantized graphs. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { sizeOf, type Graph, type Quantization } from "../../converter/ir/graph.ts";
import type { Clamp } from "../../converter/ir/ops.ts";

const shared = process.env.OCTAVO_SHARED ?? path.resolve(import.meta.dirname, "../../../shared");
const folder = path.join(shared, "conformance/cmsis-nn");

/** One file: `define` and `array` take names without the case's own. */
export interface Vector { name: string; define: (name: string) => number; has: (name: string) => boolean; array: (...names: string[]) => number[] | undefined }
export interface Case { graph: Graph; inputs: Record<string, Int8Array>; want: number[] }

export const vectors: Vector[] = existsSync(folder) ? readdirSync(folder).filter((f) => f.endsWith(".json")).map(readVector) : [];

function readVector(file: string): Vector {
  const { case: name, defines, arrays } = JSON.parse(readFileSync(path.join(folder, file), "utf8")) as
    { case: string; defines: Record<string, number>; arrays: Record<string, { data: number[] }> };
  const key = (n: string) => `${name.toUpperCase()}_${n}`;
  return {
    name, has: (n) => key(n) in defines, array: (...names) => names.map((n) => arrays[`${name}_${n}`]?.data).find(Boolean),
    define: (n) => {
      if (!(key(n) in defines)) throw new Error(`${name} has no ${n}`);
      return defines[key(n)]!;
    },
  };
}

/**
 * int4 convolutions hold arrays of two generations and the sizes and offsets of the second. Those of the first fit each
 * other; their input had another zero point here, and their bounds are those of the result.
 */
const zeroInput = new Set(["basic_2_int4", "conv_1_x_n_1_int4", "conv_1_x_n_3_int4", "conv_1_x_n_4_int4", "conv_3x2_dilation_int4", "conv_dilation_golden_int4",
  "conv_out_activation_int4", "kernel1x1_int4_3", "kernel1x1_stride_x_y_2_int4", "kernel1x1_stride_x_y_int4"]);
const mixed = new Set(["conv_1_x_n_5_int4", "conv_2x3_dilation_int4", "conv_3x3_dilation_5x5_input_int4"]);

/** Why a vector is not run; undefined where it is. */
export function skipped({ name, array }: Vector): string | undefined {
  if (/s16|int16/.test(name)) return "16-bit activations";
  if (/^lstm/.test(name)) return "TFLite's integer LSTM (16-bit gates) is not the int8 LSTM of this project";
  if (/^svdf/.test(name)) return "16-bit state";
  if (/^transpose_(?!conv)/.test(name)) return "moves bytes; its sizes are missing from the vector";
  if (name === "ds_cnn_l") return "a network of the other vectors' layers, whose table of layers is missing";
  if (mixed.has(name)) return "its input belongs to one generation of the vector, its result to another";
  return array("output_ref", "output") ? undefined : "has no result";
}

/** The scale in double, so that the multiplier becomes exactly this one: scales of a file are float32. */
const real = (multiplier: number, shift: number) => multiplier * 2 ** (shift - 31);
const scaled = (scale: number | number[], zeroPoint: number): Quantization => {
  const all = [scale].flat();
  return { scale: Float64Array.from(all) as unknown as Float32Array, zeroPoint: new Int32Array(all.length).fill(zeroPoint), axis: 0 };
};

export function caseOf(v: Vector): Case {
  if (/pool/.test(v.name)) return pool(v);
  if (/^fully/.test(v.name)) return dense(v);
  if (/^(max|min)imum/.test(v.name)) return extreme(v);
  if (/^batch_matmul/.test(v.name)) return matmul(v);
  return convolution(v);
}

class QuantizedGraph extends GraphBuilder {
  constructor(v: Vector) {
    super("test", v.name);
  }

  int8(name: string, shape: number[], scale: number, zeroPoint: number): string {
    return this.input(name, "int8", shape, "", scaled(scale, zeroPoint));
  }

  weights(shape: number[], data: number[], scale: number | number[], zeroPoint = 0): string {
    return this.constant("w", "int8", shape, Int8Array.from(data), scaled(scale, zeroPoint));
  }

  bias(data: number[]): string {
    return this.constant("b", "int32", [data.length], Int32Array.from(data), scaled(1, 0));
  }
}

const int8 = (scale: number, zeroPoint: number) => ({ dtype: "int8" as const, quantization: scaled(scale, zeroPoint) });

/** The bounds as real numbers. */
const clampOf = (lo: number, hi: number, scale: number, zero: number): Clamp => [(lo - zero) * scale, (hi - zero) * scale];

/** Two weights per byte, the lower half first. */
const unpacked = (data: number[], length: number): number[] =>
  data.length >= length ? data : data.flatMap((b) => [(b << 28) >> 28, (b << 24) >> 28]).slice(0, length);

function convolution(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), depthwise = /^depthwise|^in_ch_one/.test(v.name), transposed = /transpose_conv/.test(v.name);
  const [KH, KW, C, O] = [d("FILTER_Y"), d("FILTER_X"), d("IN_CH"), d("OUT_CH")], want = v.array("output_ref", "output")!;
  const raw = v.array("weights", "input_weights")!, Cg = depthwise ? 1 : /int4/.test(v.name) ? C : raw.length / (O * KH * KW), data = unpacked(raw, O * KH * KW * Cg);
  const weights = depthwise ? channelsFirst(data, KH * KW, O) : data, multipliers = v.array("output_mult")!, shifts = v.array("output_shift")!;
  const x = v.array("input")!, H = d("INPUT_H"), W = d("INPUT_W"), N = x.length / (H * W * C), [OH, OW] = [d("OUTPUT_H"), d("OUTPUT_W")];
  const dilation = v.has("DILATION_Y") ? [d("DILATION_Y"), d("DILATION_X")] : [1, 1], stride = [d("STRIDE_Y"), d("STRIDE_X")], groups = depthwise ? C : C / Cg;
  const twice = v.array("input_weights") !== undefined && !depthwise, [lo, hi] = twice ? [Math.min(...want), Math.max(...want)] : [d("OUT_ACTIVATION_MIN"), d("OUT_ACTIVATION_MAX")];
  const bias = v.array("biases", "input_bias"), zero = d("OUTPUT_OFFSET"), clamp = clampOf(lo, hi, 1, zero);
  const names = [b.int8("x", [N, H, W, C], 1, zeroInput.has(v.name) ? 0 : -d("INPUT_OFFSET")), b.weights([O, KH, KW, Cg], weights, multipliers.map((m, o) => real(m, shifts[o]!))), bias ? b.bias(bias) : ""];
  const window = { stride, dilation, groups, clamp };
  if (transposed) {
    const end = (axis: 0 | 1, size: number, kernel: number, before: number, out: number) => stride[axis]! * (size - 1) + dilation[axis]! * (kernel - 1) + 1 - before - out;
    const after = [end(0, H, KH, d("PAD_Y"), OH), end(1, W, KW, d("PAD_X"), OW)];
    const pad = [d("PAD_Y"), d("PAD_X"), ...after.map((n) => Math.max(0, n))], outputPadding = after.map((n) => Math.max(0, -n));
    b.add("convTranspose2d", names, { ...window, pad, outputPadding }, ["y"], int8(1, zero));
  } else {
    const after = (out: number, size: number, kernel: number, before: number, axis: 0 | 1) => (out - 1) * stride[axis]! + dilation[axis]! * (kernel - 1) + 1 - size - before;
    const pad = [d("PAD_Y"), d("PAD_X"), Math.max(0, after(OH, H, KH, d("PAD_Y"), 0)), Math.max(0, after(OW, W, KW, d("PAD_X"), 1))];
    b.add("conv2d", names, { ...window, pad }, ["y"], int8(1, zero));
  }
  return finished(b, { x }, want);
}

/** [taps,O] → [O,taps] */
const channelsFirst = (w: number[], taps: number, O: number): number[] => Array.from({ length: w.length }, (_, i) => w[(i % taps) * O + Math.floor(i / taps)]!);

function dense(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), x = v.array("input")!, O = d("OUT_CH"), I = d("ACCUMULATION_DEPTH"), zero = d("OUTPUT_OFFSET");
  const scale = 1 / real(d("OUTPUT_MULTIPLIER"), d("OUTPUT_SHIFT")), bias = v.array("biases", "input_bias"), w = unpacked(v.array("weights", "input_weights")!, O * I);
  const names = [b.int8("x", [x.length / I, I], 1, -d("INPUT_OFFSET")), b.weights([O, I], w, 1, v.has("FILTER_OFFSET") ? -d("FILTER_OFFSET") : 0), bias ? b.bias(bias) : ""];
  b.add("dense", names, { clamp: clampOf(d("OUT_ACTIVATION_MIN"), d("OUT_ACTIVATION_MAX"), scale, zero) }, ["y"], int8(scale, zero));
  return finished(b, { x }, v.array("output_ref", "output")!);
}

function pool(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), [N, H, W, C] = [v.array("input_tensor")!.length / (d("INPUT_H") * d("INPUT_W") * d("INPUT_C")), d("INPUT_H"), d("INPUT_W"), d("INPUT_C")], kernel = [d("FILTER_H"), d("FILTER_W")], stride = [d("STRIDE_H"), d("STRIDE_W")];
  const end = (out: number, size: number, axis: 0 | 1, before: number) => Math.max(0, (out - 1) * stride[axis]! + kernel[axis]! - size - before);
  const pad = [d("PADDING_H"), d("PADDING_W"), end(d("OUTPUT_H"), H, 0, d("PADDING_H")), end(d("OUTPUT_W"), W, 1, d("PADDING_W"))];
  const window = { kernel, stride, dilation: [1, 1], pad, clamp: clampOf(d("ACTIVATION_MIN"), d("ACTIVATION_MAX"), 1, 0) }, x = b.int8("x", [N, H, W, C], 1, 0);
  if (/^max/.test(v.name)) b.add("maxPool2d", [x], window, ["y"], int8(1, 0));
  else b.add("averagePool2d", [x], { ...window, countIncludePad: false }, ["y"], int8(1, 0));
  return finished(b, { x: v.array("input_tensor")! }, v.array("output")!);
}

function extreme(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), shape = (k: number) => ["BATCH", "HEIGHT", "WIDTH", "CHANNEL"].map((n) => d(`${n}_${k}`));
  const names = [b.int8("x0", shape(1), 1, 0), b.int8("x1", shape(2), 1, 0)];
  b.add(/^max/.test(v.name) ? "max" : "min", names, { clamp: [-Infinity, Infinity] }, ["y"], int8(1, 0));
  return finished(b, { x0: v.array("input_tensor_1")!, x1: v.array("input_tensor_2")! }, v.array("output")!);
}

function matmul(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), scale = 1 / real(d("OUTPUT_MULTIPLIER"), d("OUTPUT_SHIFT"));
  const operand = (side: "LHS" | "RHS", name: string, adjoint: boolean) => {
    const [rows, columns] = [d(`${side}_ROWS`), d(`${side}_COLS`)], x = b.int8(name, [d(`${side}_BATCH`), d(`${side}_HEIGHT`), rows, columns], 1, -d(`${side}_OFFSET`));
    return adjoint ? b.add("transpose", [x], { perm: [0, 1, 3, 2] }, [`${name} transposed`], int8(1, -d(`${side}_OFFSET`))) : x;
  };
  const x0 = operand("LHS", "x0", d("ADJ_X") === 1), x1 = operand("RHS", "x1", d("ADJ_Y") === 1);
  b.add("matmul", [x0, x1], {}, ["y"], int8(scale, d("OUTPUT_OFFSET")));
  return finished(b, { x0: v.array("lhs_input_tensor")!, x1: v.array("rhs_input_tensor")! }, v.array("output")!);
}

function finished(b: GraphBuilder, inputs: Record<string, number[]>, want: number[]): Case {
  b.output("y");
  const missing = sizeOf(b.shape("y")) - want.length;
  if (missing) throw new Error(`${b.graph.name}: the result has ${want.length} elements, the graph's shape is ${b.shape("y").join()}`);
  return { graph: b.graph, inputs: Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, Int8Array.from(data)])), want };
}
