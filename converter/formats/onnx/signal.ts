/** Windows, mel filters and Fourier transforms of a fixed length: constants and products with them. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf } from "../../ir/graph.ts";
import type { Operator, Operators, OnnxNode } from "./node.ts";
import { dtypeOf as elementDtype } from "./tensor.ts";
import { axisOf, bounded, constant, matmul, misfit, mul, padWith, range, rankOf, reshape, transpose, valuesOf } from "./write.ts";

const outputType = (n: OnnxNode, g: GraphBuilder) => elementDtype(n.int("output_datatype", 1), g.where);

/** Σ coefficient[k] · cos(2πk · i / N), N one less for symmetric windows. */
const cosineWindow = (coefficients: number[]): Operator => (n, g) => {
  const size = bounded(g, Math.max(0, valuesOf(g, n.input(0), "the window's size")[0]!), "the window");
  const period = n.int("periodic", 1) ? size : size - 1;
  const at = (i: number) => coefficients.reduce((sum, c, k) => sum + c * Math.cos((2 * Math.PI * k * i) / period), 0);
  return constant(g, "window", outputType(n, g), range(size).map(at));
};

/** Triangles of equal width on the mel scale: [dftLength / 2 + 1, bins]. */
function melWeightMatrix(n: OnnxNode, g: GraphBuilder): string {
  const [bins, length, rate, low, high] = range(5).map((i) => valuesOf(g, n.input(i), "the filter bank")[0]!) as [number, number, number, number, number];
  const lines = Math.floor(length / 2) + 1, weights = new Float32Array(bounded(g, Math.max(0, lines * bins), "the filter bank"));
  const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700), step = (mel(high) - mel(low)) / (bins + 2);
  const edges = range(bins + 2).map((i) => Math.floor(((length + 1) * 700 * (10 ** ((mel(low) + i * step) / 2595) - 1)) / rate));
  const put = (line: number, bin: number, value: number) => { if (line >= 0 && line < lines) weights[line * bins + bin] = value; };
  for (let b = 0; b < bins; b++) {
    const [left, centre, right] = edges.slice(b, b + 3) as [number, number, number];
    if (left === centre) put(centre, b, 1);
    for (let j = Math.max(0, left); j <= centre && j < lines && left < centre; j++) put(j, b, (j - left) / (centre - left));
    for (let j = Math.max(0, centre); j < right && j < lines; j++) put(j, b, (right - j) / (right - centre));
  }
  return constant(g, "mel", outputType(n, g), weights, [lines, bins]);
}

interface Transform { length: number; inverse: boolean; onesided: boolean }

/** cos and ∓ sin of 2πkn / N, as [N·parts in, K·parts out]: complex numbers are pairs. */
function fourierMatrix(g: GraphBuilder, size: number, parts: number, t: Transform): string {
  const half = Math.floor(t.length / 2) + 1, real = t.inverse && t.onesided, used = Math.min(size, real ? half : t.length);
  const K = t.onesided && !t.inverse ? half : t.length, outParts = real ? 1 : 2;
  const data = new Float32Array(bounded(g, size * parts * K * outParts, "the transform"));
  const sign = t.inverse ? 1 : -1, scale = t.inverse ? 1 / t.length : 1;
  for (let i = 0; i < used; i++) for (let k = 0; k < K; k++) {
    const angle = (2 * Math.PI * ((i * k) % t.length)) / t.length, weight = scale * (real ? mirrored(i, t.length) : 1);
    const [c, s] = [Math.cos(angle) * weight, sign * Math.sin(angle) * weight];
    const put = (from: number, to: number, value: number) => { data[((i * parts + from) * K + k) * outParts + to] = value; };
    put(0, 0, c);
    if (!real) put(0, 1, s);
    if (parts === 2) put(1, 0, -s);
    if (parts === 2 && !real) put(1, 1, c);
  }
  return constant(g, "fourier", "float32", data, [size * parts, K * outParts]);
}

/** A one-sided spectrum leaves out the conjugates of all lines but the first and, for even lengths, the middle one. */
const mirrored = (line: number, length: number): number => (line === 0 || 2 * line === length ? 1 : 2);

/** Along `axis` of [...,parts]; the last axis holds real and imaginary part. */
function transform(g: GraphBuilder, x: string, axis: number, t: Transform): string {
  const rank = rankOf(g, x), shape = g.shape(x), parts = shape[rank - 1]!, size = shape[axis]!, rest = range(rank - 1).filter((a) => a !== axis);
  if (axis === rank - 1 || parts < 1 || parts > 2 || !(t.length >= 1))
    misfit(g, `a transform of length ${t.length} along axis ${axis} does not fit [${shape.join(",")}]`);
  const rows = reshape(g, transpose(g, x, [...rest, axis, rank - 1]), [sizeOf(rest.map((a) => shape[a]!)), size * parts]);
  const y = matmul(g, rows, fourierMatrix(g, size, parts, t)), outParts = t.inverse && t.onesided ? 1 : 2;
  const spread = reshape(g, y, [...rest.map((a) => shape[a]!), g.shape(y)[1]! / outParts, outParts]), place = [...rest, axis];
  return transpose(g, spread, [...range(rank - 1).map((a) => place.indexOf(a)), rank - 1]);
}

function dft(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), rank = rankOf(g, x), inverse = n.int("inverse", 0) !== 0, onesided = n.int("onesided", 0) !== 0;
  const given = n.opset < 20 ? n.int("axis", 1) : n.optional(2) ? valuesOf(g, n.input(2), "axis")[0]! : -2, axis = axisOf(g, given, rank);
  const size = g.shape(x)[axis]!;
  const length = n.optional(1) ? valuesOf(g, n.input(1), "dft_length")[0]! : inverse && onesided ? 2 * (size - 1) : size;
  return transform(g, x, axis, { length, inverse, onesided });
}

/** Windows of `frame_length` every `frame_step`, each transformed: [N,frames,lines,2]. */
function stft(n: OnnxNode, g: GraphBuilder): string {
  const x = rankOf(g, n.input(0)) === 2 ? reshape(g, n.input(0), [...g.shape(n.input(0)), 1]) : n.input(0);
  const [N, L, parts] = g.shape(x) as [number, number, number];
  const step = valuesOf(g, n.input(1), "frame_step")[0]!, window = n.optional(2), width = window ? g.shape(window)[0]! : undefined;
  const length = n.optional(3) ? valuesOf(g, n.input(3), "frame_length")[0]! : (width ?? L), count = Math.floor((L - length) / step) + 1;
  if (!(step >= 1 && length >= 1 && count >= 1)) misfit(g, `frames of ${length} every ${step} do not fit a signal of ${L}`);
  const places = range(bounded(g, count * length, "the frames")).map((i) => Math.floor(i / length) * step + (i % length));
  const frames = reshape(g, g.add("gather", [x, constant(g, "frames", "int64", places)], { axis: 1 }), [N, count, length, parts]);
  const centre = Math.floor((length - (width ?? length)) / 2), full = window && padWith(g, window, [centre], [length - width! - centre], 0);
  const weighted = full ? mul(g, frames, reshape(g, full, [length, 1])) : frames;
  return transform(g, weighted, 2, { length, inverse: false, onesided: n.int("onesided", 1) !== 0 });
}

export const signal: Operators = {
  HannWindow: cosineWindow([0.5, -0.5]), HammingWindow: cosineWindow([25 / 46, -21 / 46]), BlackmanWindow: cosineWindow([0.42, -0.5, 0.08]),
  MelWeightMatrix: melWeightMatrix, DFT: dft, STFT: stft,
};
