/** Vectors of CMSIS-NN's unit tests, which its generator made with TFLite's reference kernels, as quantized graphs: one operator each. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { sizeOf, tensorOf, type Graph, type Quantization } from "../../converter/ir/graph.ts";
import { noClamp, type Clamp } from "../../converter/ir/ops.ts";

const shared = process.env.OCTAVO_SHARED ?? path.resolve(import.meta.dirname, "../../../shared");
const folder = path.join(shared, "conformance/cmsis-nn");

/** One file: `define` and `array` take names without the case's own; `layer` is one of a network's. */
export interface Vector { name: string; define: (name: string) => number; has: (name: string) => boolean; array: (...names: string[]) => number[] | undefined; layer: (name: string, at: number) => Vector }
export interface Case { graph: Graph; inputs: Record<string, Int8Array | Int16Array>; want: number[] }

export const vectors: Vector[] = existsSync(folder) ? readdirSync(folder).filter((f) => f.endsWith(".json")).map(readVector) : [];

function readVector(file: string): Vector {
  const { case: name, defines, arrays } = JSON.parse(readFileSync(path.join(folder, file), "utf8")) as
    { case: string; defines: Record<string, number>; arrays: Record<string, { data: number[] }> };
  return viewOf(name, defines, arrays, `${name.toUpperCase()}_`, `${name}_`);
}

function viewOf(name: string, defines: Record<string, number>, arrays: Record<string, { data: number[] }>, ofDefines: string, ofArrays: string): Vector {
  return {
    name, has: (n) => ofDefines + n in defines, array: (...names) => names.map((n) => arrays[ofArrays + n]?.data).find(Boolean),
    define: (n) => {
      if (!(ofDefines + n in defines)) throw new Error(`${name} has no ${n}`);
      return defines[ofDefines + n]!;
    },
    layer: (n, k) => viewOf(name, defines, arrays, `${n.toUpperCase()}_${k}_`, `${ofArrays}layer_${k}_${n}_`),
  };
}

/**
 * int4 convolutions hold arrays of two generations and the sizes and offsets of the second. Those of the first fit each
 * other; their input had another zero point here, and their bounds are those of the result.
 */
const zeroInput = new Set(["basic_2_int4", "conv_1_x_n_1_int4", "conv_1_x_n_3_int4", "conv_1_x_n_4_int4", "conv_3x2_dilation_int4", "conv_dilation_golden_int4",
  "conv_out_activation_int4", "kernel1x1_int4_3", "kernel1x1_stride_x_y_2_int4", "kernel1x1_stride_x_y_int4"]);
export const mixed = new Set(["conv_1_x_n_5_int4", "conv_2x3_dilation_int4", "conv_3x3_dilation_5x5_input_int4"]);

/** The scale in double, so that the multiplier becomes exactly this one: scales of a file are float32. */
export const real = (multiplier: number, shift: number) => multiplier * 2 ** (shift - 31);
export const scaled = (scale: number | number[], zeroPoint: number): Quantization => {
  const all = [scale].flat();
  return { scale: Float64Array.from(all) as unknown as Float32Array, zeroPoint: new Int32Array(all.length).fill(zeroPoint), axis: 0 };
};

/** Vectors of one operator. */
export function operatorCase(v: Vector): Case {
  if (/pool/.test(v.name)) return pool(v);
  if (/^fully/.test(v.name)) return dense(v);
  if (/^(max|min)imum/.test(v.name)) return extreme(v);
  if (/^batch_matmul/.test(v.name)) return matmul(v);
  if (/^add/.test(v.name)) return sum(v);
  if (v.name in transposes) return transpose(v);
  return convolution(v);
}

export class QuantizedGraph extends GraphBuilder {
  private readonly type: "int8" | "int16";

  constructor(v: Vector) {
    super("test", v.name);
    this.type = /s16|int16/.test(v.name) ? "int16" : "int8";
  }

  /** An input of the vector's type. */
  values(name: string, shape: number[], scale: number, zeroPoint: number, type = this.type): string {
    return this.input(name, type, shape, "", scaled(scale, zeroPoint));
  }

  as(scale: number, zeroPoint: number, dtype = this.type): { dtype: "int8" | "int16"; quantization: Quantization } {
    return { dtype, quantization: scaled(scale, zeroPoint) };
  }

  weights(shape: number[], data: number[], scale: number | number[], zeroPoint = 0): string {
    return this.constant("w", "int8", shape, Int8Array.from(data), scaled(scale, zeroPoint));
  }

  bias(data: number[]): string {
    const wide = this.type === "int16" && !this.graph.name.includes("xint32");
    return this.constant("b", wide ? "int64" : "int32", [data.length], (wide ? Float64Array : Int32Array).from(data), scaled(1, 0));
  }
}

/** The bounds as real numbers. */
const clampOf = (lo: number, hi: number, scale: number, zero: number): Clamp => [(lo - zero) * scale, (hi - zero) * scale];

/** Two weights per byte, the lower half first. */
const unpacked = (data: number[], length: number): number[] =>
  data.length >= length ? data : data.flatMap((b) => [(b << 28) >> 28, (b << 24) >> 28]).slice(0, length);

function convolution(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), x = v.array("input")!, [H, W, C] = [d("INPUT_H"), d("INPUT_W"), d("IN_CH")];
  const name = b.values("x", [x.length / (H * W * C), H, W, C], 1, v.has("INPUT_OFFSET") && !zeroInput.has(v.name) ? -d("INPUT_OFFSET") : 0);
  b.output(convolve(v, b, name, "y", /^depthwise|^in_ch_one|^dw_/.test(v.name)));
  return finished(b, { x }, v.array("output_ref", "output")!);
}

/** One layer over x, under the name `y`. */
export function convolve(v: Vector, b: QuantizedGraph, x: string, y: string, depthwise: boolean): string {
  const d = v.define, transposed = /transpose_conv/.test(v.name), [, H, W] = b.shape(x) as [number, number, number];
  const [KH, KW, C, O] = [d("FILTER_Y"), d("FILTER_X"), d("IN_CH"), d("OUT_CH")], [OH, OW] = [d("OUTPUT_H"), d("OUTPUT_W")];
  const raw = v.array("weights", "input_weights")!, Cg = depthwise ? 1 : /int4/.test(v.name) ? C : raw.length / (O * KH * KW), data = unpacked(raw, O * KH * KW * Cg);
  const weights = depthwise ? channelsFirst(data, KH * KW, O) : data, multipliers = v.array("output_mult", "output_multiplier")!, shifts = v.array("output_shift")!;
  const dilation = v.has("DILATION_Y") ? [d("DILATION_Y"), d("DILATION_X")] : [1, 1], stride = [d("STRIDE_Y"), d("STRIDE_X")], groups = depthwise ? C : C / Cg;
  const twice = v.array("input_weights") !== undefined && !depthwise, [lo, hi] = twice ? boundsOf(v.array("output_ref", "output")!) : [d("OUT_ACTIVATION_MIN"), d("OUT_ACTIVATION_MAX")];
  const bias = v.array("biases", "bias", "input_bias") ?? (/xint32/.test(v.name) ? Array<number>(O).fill(0) : undefined), zero = d("OUTPUT_OFFSET"), clamp = clampOf(lo, hi, 1, zero);
  const names = [x, b.weights([O, KH, KW, Cg], weights, multipliers.map((m, o) => real(m, shifts[o]!))), bias ? b.bias(bias) : ""];
  const window = { stride, dilation, groups, clamp };
  if (transposed) {
    const end = (axis: 0 | 1, size: number, kernel: number, before: number, out: number) => stride[axis]! * (size - 1) + dilation[axis]! * (kernel - 1) + 1 - before - out;
    const after = [end(0, H, KH, d("PAD_Y"), OH), end(1, W, KW, d("PAD_X"), OW)];
    const pad = [d("PAD_Y"), d("PAD_X"), ...after.map((n) => Math.max(0, n))], outputPadding = after.map((n) => Math.max(0, -n));
    b.add("convTranspose2d", names, { ...window, pad, outputPadding }, [y], b.as(1, zero));
  } else {
    const after = (out: number, size: number, kernel: number, before: number, axis: 0 | 1) => (out - 1) * stride[axis]! + dilation[axis]! * (kernel - 1) + 1 - size - before;
    const pad = [d("PAD_Y"), d("PAD_X"), Math.max(0, after(OH, H, KH, d("PAD_Y"), 0)), Math.max(0, after(OW, W, KW, d("PAD_X"), 1))];
    b.add("conv2d", names, { ...window, pad }, [y], b.as(1, zero));
  }
  return y;
}

const boundsOf = (data: number[]): [number, number] => [Math.min(...data), Math.max(...data)];

/** [taps,O] → [O,taps] */
const channelsFirst = (w: number[], taps: number, O: number): number[] => Array.from({ length: w.length }, (_, i) => w[(i % taps) * O + Math.floor(i / taps)]!);

function dense(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), x = v.array("input")!, O = d("OUT_CH"), I = d("ACCUMULATION_DEPTH"), scale = 1 / real(d("OUTPUT_MULTIPLIER"), d("OUTPUT_SHIFT"));
  const name = b.values("x", [x.length / I, I], 1, -d("INPUT_OFFSET")), weights = b.weights([O, I], unpacked(v.array("weights", "input_weights")!, O * I), 1, v.has("FILTER_OFFSET") ? -d("FILTER_OFFSET") : 0);
  b.output(connect(v, b, name, weights, scale));
  return finished(b, { x }, v.array("output_ref", "output")!);
}

export function connect({ define: d, array }: Vector, b: QuantizedGraph, x: string, weights: string, scale: number): string {
  const zero = d("OUTPUT_OFFSET"), bias = array("biases", "bias", "input_bias"), clamp = clampOf(d("OUT_ACTIVATION_MIN"), d("OUT_ACTIVATION_MAX"), scale, zero);
  return b.add("dense", [x, weights, bias ? b.bias(bias) : ""], { clamp }, [], b.as(scale, zero));
}

function pool(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), [N, H, W, C] = [v.array("input_tensor")!.length / (d("INPUT_H") * d("INPUT_W") * d("INPUT_C")), d("INPUT_H"), d("INPUT_W"), d("INPUT_C")], kernel = [d("FILTER_H"), d("FILTER_W")], stride = [d("STRIDE_H"), d("STRIDE_W")];
  const end = (out: number, size: number, axis: 0 | 1, before: number) => Math.max(0, (out - 1) * stride[axis]! + kernel[axis]! - size - before);
  const pad = [d("PADDING_H"), d("PADDING_W"), end(d("OUTPUT_H"), H, 0, d("PADDING_H")), end(d("OUTPUT_W"), W, 1, d("PADDING_W"))];
  const window = { kernel, stride, dilation: [1, 1], pad, clamp: clampOf(d("ACTIVATION_MIN"), d("ACTIVATION_MAX"), 1, 0) }, x = b.values("x", [N, H, W, C], 1, 0);
  if (/^max/.test(v.name)) b.output(b.add("maxPool2d", [x], window, [], b.as(1, 0)));
  else b.output(b.add("averagePool2d", [x], { ...window, countIncludePad: false }, [], b.as(1, 0)));
  return finished(b, { x: v.array("input_tensor")! }, v.array("output")!);
}

function extreme(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), shape = (k: number) => ["BATCH", "HEIGHT", "WIDTH", "CHANNEL"].map((n) => d(`${n}_${k}`));
  const names = [b.values("x0", shape(1), 1, 0), b.values("x1", shape(2), 1, 0)];
  b.output(b.add(/^max/.test(v.name) ? "max" : "min", names, { clamp: noClamp }, [], b.as(1, 0)));
  return finished(b, { x0: v.array("input_tensor_1")!, x1: v.array("input_tensor_2")! }, v.array("output")!);
}

function matmul(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), scale = 1 / real(d("OUTPUT_MULTIPLIER"), d("OUTPUT_SHIFT"));
  const operand = (side: "LHS" | "RHS", name: string, adjoint: boolean) => {
    const [rows, columns] = [d(`${side}_ROWS`), d(`${side}_COLS`)], x = b.values(name, [d(`${side}_BATCH`), d(`${side}_HEIGHT`), rows, columns], 1, -d(`${side}_OFFSET`));
    return adjoint ? b.add("transpose", [x], { perm: [0, 1, 3, 2] }, [], b.as(1, -d(`${side}_OFFSET`))) : x;
  };
  const x0 = operand("LHS", "x0", d("ADJ_X") === 1), x1 = operand("RHS", "x1", d("ADJ_Y") === 1);
  b.output(b.add("matmul", [x0, x1], {}, [], b.as(scale, d("OUTPUT_OFFSET"))));
  return finished(b, { x0: v.array("lhs_input_tensor")!, x1: v.array("rhs_input_tensor")! }, v.array("output")!);
}

/** Sums of two inputs with one scale. Source: TFLite add.cc. */
function sum(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), n = d("DST_SIZE"), scaleOf = (k: number) => real(d(`INPUT${k}_MULT`), d(`INPUT${k}_SHIFT`));
  const scale = 1 / real(d("OUTPUT_MULT"), d("OUTPUT_SHIFT")) / 2 ** d("LEFT_SHIFT"), zero = d("OUTPUT_OFFSET");
  const names = ([1, 2] as const).map((k) => b.values(`x${k}`, [n], scaleOf(k), -d(`INPUT${k}_OFFSET`)));
  b.output(b.add("add", names, { clamp: clampOf(d("OUT_ACTIVATION_MIN"), d("OUT_ACTIVATION_MAX"), scale, zero) }, [], b.as(scale, zero)));
  return finished(b, { x1: v.array("input1")!, x2: v.array("input2")! }, v.array("output_ref")!);
}

/** The sizes of the vectors are in comments of CMSIS-NN's headers alone. Source: CMSIS-NN TestData/transpose_*\/config_data.h. */
const transposes: Record<string, [shape: number[], perm: number[]]> = {
  transpose_3dim2: [[5, 4, 20], [1, 2, 0]], transpose_default: [[4, 3, 3, 22], [3, 2, 1, 0]],
  transpose_ncwh: [[5, 4, 3, 9], [0, 3, 2, 1]], transpose_nwhc: [[1, 19, 3, 64], [0, 2, 1, 3]],
};

function transpose(v: Vector): Case {
  const b = new QuantizedGraph(v), [shape, perm] = transposes[v.name]!;
  b.output(b.add("transpose", [b.values("x", shape, 1, 0)], { perm }, [], b.as(1, 0)));
  return finished(b, { x: v.array("input_tensor")! }, v.array("output")!);
}

export function finished({ graph }: QuantizedGraph, inputs: Record<string, number[]>, want: number[]): Case {
  const y = tensorOf(graph, graph.outputs[0]!), missing = sizeOf(y.shape) - want.length;
  if (missing) throw new Error(`${graph.name}: the result has ${want.length} elements, the graph's shape is ${y.shape.join()}`);
  const typed = (name: string, data: number[]) => (tensorOf(graph, name).dtype === "int16" ? Int16Array : Int8Array).from(data);
  return { graph, inputs: Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, typed(name, data)])), want };
}
