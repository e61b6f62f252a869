/**
 * The programs `start` (weights of the file → masters) and `commit` (masters → weights of the file), layer by layer. Both
 * walk the same places: places.ts.
 */
import { sizeOf, tensorOf, type Node } from "../ir/graph.ts";
import type { LoweringContext, Operand } from "../lower/context.ts";
import { mapScalar } from "../lower/elementwise.ts";
import { paddedTo8 } from "../lower/gates.ts";
import { biasPlaces, channelPlaces, isInteger, packInto, parameterOf, placesOf, stepsOf, unpackFrom, type Frozen, type Place, type Stored } from "./places.ts";
import { pack, padded, plain, unpack } from "./packing.ts";
import type { Parameter } from "./parameters.ts";

export const constantOf = (id: string): Operand => ({ kind: "constant", id, offset: 0 });
/** The float bias of a layer of integers, as trained, or the scale of its result. */
export const storedBias = (p: Parameter): string => storedAs(p.name);
export const storedAs = (parameter: string): string => `${parameter} stored`;

const isBias = (p: Parameter): boolean => p.role === "bias" || p.role === "recurrentBias";
/** What the file holds as it is in a constant of its own, beside what inference reads. */
const isPlain = (p: Parameter): boolean => isBias(p) || p.role === "activation";
/** One bias in the file stands for both of an LSTM or RNN: the second starts at zero, as all of the state. */
export const isSecond = (s: Stored, p: Parameter): boolean => p.role === "recurrentBias" && s.node.op !== "gru";

/** Weights of the file → masters. */
export function start(s: Stored, c: LoweringContext): void {
  c.begin(s.node.name);
  for (const p of s.parameters) {
    if (p.part) startChannels(s, p, c);
    else if (!isPlain(p)) readWeights(s, p, p.scale === undefined ? undefined : constantOf(p.scale), c.at(p.name), c);
    else if (isSecond(s, p)) continue;
    else if (isInteger(s)) unpack(c, plain(sizeOf(p.shape)), 4, constantOf(storedBias(p)), c.at(p.name));
    else for (const { at, moves } of biasPlaces(s, p).slice(0, 1)) unpack(c, moves, 4, at, c.at(p.name));
  }
}

/** Of some channels of a layer. */
function startChannels(s: Stored, p: Parameter, c: LoweringContext): void {
  const O = p.shape[0]!, K = sizeOf(p.shape) / O, w = c.at(p.name);
  if (isBias(p) && isInteger(s)) return unpack(c, plain(O), 4, constantOf(storedBias(p)), w);
  if (isBias(p)) return channelPlaces(s, p).forEach(({ b }, i) => unpack(c, plain(1), 4, b, shifted(w, 4 * i)));
  const rows = p.scale ? c.scratch(O * K) : w;
  channelPlaces(s, p).forEach(({ weights }, i) => unpackFrom(c, weights, shifted(rows, weights.bytes * i * K)));
  if (p.scale) c.call("dequantizeRows", { q: rows, scale: constantOf(p.scale), w, O, K }, ["w"], O * K);
}

const shifted = (at: Operand, bytes: number): Operand => ({ ...at, offset: at.offset + bytes });

/** Weights that are not trained → floats at `y`. */
export function unpackFrozen(s: Stored, { parameter, scale }: Frozen, y: Operand, c: LoweringContext): void {
  readWeights(s, parameter, scale && c.constant(scale), y, c);
}

/** @param scale of the rows of integers, absent where the file holds floats */
function readWeights(s: Stored, p: Parameter, scale: Operand | undefined, y: Operand, c: LoweringContext): void {
  const O = p.shape[0]!, K = sizeOf(p.shape) / O, rows = scale ? c.scratch(O * K) : y;
  placesOf(s, p).forEach((place) => unpackFrom(c, place, rows));
  if (scale) c.call("dequantizeRows", { q: rows, scale, w: y, O, K }, ["w"], O * K);
}

/** Masters → weights of the file, with the multipliers and biases that follow from them. */
export function commit(s: Stored, c: LoweringContext): void {
  c.begin(s.node.name);
  if (s.parameters.some((p) => p.part)) return commitChannels(s, c);
  if (!isInteger(s)) return commitFloats(s, c);
  if (s.node.op === "lstm" || s.node.op === "gru" || s.node.op === "rnn") commitRecurrent(s, c, s.node.op === "gru");
  else commitSums(s, c);
}

function commitFloats(s: Stored, c: LoweringContext): void {
  for (const p of s.parameters) {
    if (!isBias(p)) placesOf(s, p).forEach((place) => packInto(c, place, c.at(p.name)));
    else if (!isSecond(s, p)) biasPlaces(s, p).forEach(({ at, moves }) => pack(c, moves, 4, wholeBias(s, c, p), at));
  }
}

/** The bias that inference adds: of a layer with two, their sum. */
function wholeBias(s: Stored, c: LoweringContext, p: Parameter): Operand {
  const second = p.role === "bias" ? parameterOf(s, "recurrentBias", p.direction) : undefined, n = sizeOf(p.shape);
  if (!second || s.node.op === "gru") return c.at(p.name);
  const sum = c.scratch(4 * n);
  pack(c, plain(n), 4, c.at(p.name), sum);
  c.call("accumulate", { acc: sum, g: c.at(second.name), n }, ["acc"]);
  return sum;
}

/** What a bias is folded with: scales and zero point of x, scale of y, where the scales stand if they move; sums are int32 or floats. */
interface Sums { sx: number; zx: number; sy: number; px: Operand | 0; py: Operand | 0; integers: boolean }
interface Rows { w: Operand; scale: Operand; limit: number; O: number; K: number; trained: boolean }

/** Integers of rows, what a kernel multiplies their sums with, and the bias with the zero point of x folded in. */
function quantized(c: LoweringContext, { w, scale, limit, O, K }: Rows, { integers, px, py, ...sums }: Sums, b: Operand | 0): { q: Operand; m: Operand; folded: Operand } {
  const q = c.scratch(O * K), m = c.scratch(4 * O), folded = c.scratch(4 * O);
  const fields = { w, b, scale, q, m, folded, O, K, limit, ...sums, integers: Number(integers) }, written = ["scale", "q", "m", "folded"];
  if (px || py) c.call("commitRowsBy", { ...fields, px, py }, written, O * K);
  else c.call("commitRows", fields, written, O * K);
  return { q, m, folded };
}

/** Some channels of a layer; the multipliers of the others follow the scale of its result where that moves. */
function commitChannels(s: Stored, c: LoweringContext): void {
  const p = parameterOf(s, "weight", 0)!, bias = parameterOf(s, "bias", 0)!, places = channelPlaces(s, p), O = p.shape[0]!, K = sizeOf(p.shape) / O, w = c.at(p.name), b = c.at(bias.name);
  const integers = isInteger(s) ? quantized(c, { w, scale: constantOf(p.scale!), limit: p.limit!, O, K, trained: true }, sumsOf(s, c), b) : undefined, { q, m, folded } = integers ?? { q: w, m: w, folded: b };
  rescale(s, places[0]!.weights.call.params.m as Operand, p.part!.whole[0]!, c);
  places.forEach((place, i) => {
    packInto(c, place.weights, shifted(q, place.weights.bytes * i * K));
    pack(c, plain(1), 4, shifted(folded, 4 * i), place.b);
    if (place.m) pack(c, plain(1), 4, shifted(m, 4 * i), place.m);
  });
  if (integers) pack(c, plain(O), 4, b, constantOf(storedBias(bias)));
}

/** The multipliers m of all O channels, for the scale of the result as it is by now. */
function rescale(s: Stored, m: Operand, O: number, c: LoweringContext): void {
  const scale = parameterOf(s, "activation", 0);
  if (!scale) return;
  const now = c.at(scale.name), last = constantOf(storedBias(scale)), ratio = c.scratch(4);
  mapScalar(c, "div", 1, last, now, ratio);
  mapScalar(c, "mul", paddedTo8(O), m, ratio, m);
  pack(c, plain(1), 4, now, last);
}

/** Of the layer's operand and result. */
function sumsOf(s: Stored, c: LoweringContext): Sums {
  const x = tensorOf(s.graph, s.node.inputs[0]!).quantization!, y = tensorOf(s.graph, s.node.outputs[0]!).quantization!;
  return { sx: x.scale[0]!, zx: x.zeroPoint[0]!, sy: y.scale[0]!, px: moved(s, s.node.inputs[0]!, c), py: moved(s, s.node.outputs[0]!, c), integers: true };
}

/** Rows of a layer, trained or as the integers that they are. */
function rowsOf(s: Stored, role: "weight" | "recurrent", direction: number, c: LoweringContext): { p: Parameter; rows: Rows } {
  const p = parameterOf(s, role, direction), held = s.frozen.find((f) => f.parameter.role === role && f.parameter.direction === direction);
  const { shape } = held?.parameter ?? p!, O = shape[0]!, K = sizeOf(shape) / O, common = { limit: p?.limit ?? 127, O, K, trained: p !== undefined };
  if (!held) return { p: p!, rows: { w: c.at(p!.name), scale: constantOf(p!.scale!), ...common } };
  const w = c.scratch(4 * O * K), scale = c.scratch(4 * O);
  unpackFrozen(s, held, w, c);
  pack(c, plain(O), 4, c.constant(held.scale!), scale);
  return { p: held.parameter, rows: { w, scale, ...common } };
}

function commitSums(s: Stored, c: LoweringContext): void {
  const { p, rows } = rowsOf(s, "weight", 0, c), sums = sumsOf(s, c), bias = parameterOf(s, "bias", 0), b = bias ? c.at(bias.name) : 0, whole = quantized(c, rows, sums, b);
  for (const place of placesOf(s, p)) {
    const { q, m, folded } = place.picked ? quantizedTaps(c, rows, place, sums, b) : whole, { moves, ...rest } = place;
    if (rows.trained) packInto(c, place.picked ? { ...rest, moves: moves.slice(1) } : place, q);
    pack(c, padded(place.groups), 4, m, place.call.params.m as Operand);
    pack(c, padded(place.groups), 4, folded, place.call.params.b as Operand);
  }
  if (bias) pack(c, plain(sizeOf(bias.shape)), 4, b as Operand, constantOf(storedBias(bias)));
  const scale = parameterOf(s, "activation", 0);
  if (scale) pack(c, plain(1), 4, c.at(scale.name), constantOf(storedBias(scale)));
}

/** The scale that a tensor has by now, where it moves. */
function moved(s: Stored, name: string, c: LoweringContext): Operand | 0 {
  const [scale] = [...s.moving].find(([, tensors]) => tensors.includes(name)) ?? [];
  return scale === undefined ? 0 : c.at(scale);
}

/** The taps of one place of a transposed convolution, under the scales of whole rows. */
function quantizedTaps(c: LoweringContext, rows: Rows, { K, moves }: Place, sums: Sums, b: Operand | 0): ReturnType<typeof quantized> {
  const w = c.scratch(4 * rows.O * K);
  c.call("fill", { y: w, n: rows.O * K, bytes: 4, bits: 0 }, ["y"]);
  pack(c, moves[0]!, 4, rows.w, w);
  return quantized(c, { ...rows, w, K }, sums, b);
}

/** The bias of the input product carries both zero points, but for a GRU's, whose recurrent product has a bias of its own. */
function commitRecurrent(s: Stored, c: LoweringContext, gru: boolean): void {
  const x = tensorOf(s.graph, s.node.inputs[0]!).quantization!, h = tensorOf(s.graph, s.node.outputs[0]!).quantization!;
  for (let d = 0; d < ((s.node as Node<"lstm">).attributes.direction === "bidirectional" ? 2 : 1); d++) {
    const weight = rowsOf(s, "weight", d, c), recurrent = rowsOf(s, "recurrent", d, c), { gates, step } = stepsOf(s, d), own = parameterOf(s, "bias", d), second = gru ? parameterOf(s, "recurrentBias", d) : undefined;
    const bias = own ? wholeBias(s, c, own) : 0, sums = (q: typeof x): Sums => ({ sx: q.scale[0]!, zx: q.zeroPoint[0]!, sy: 1, px: 0, py: 0, integers: false });
    const input = quantized(c, weight.rows, sums(x), bias), state = quantized(c, recurrent.rows, sums(h), second ? c.at(second.name) : gru ? 0 : input.folded);
    const [from] = placesOf(s, weight.p) as [Place], [to] = placesOf(s, recurrent.p) as [Place];
    if (weight.rows.trained) packInto(c, from, input.q);
    if (recurrent.rows.trained) packInto(c, to, state.q);
    pack(c, padded(from.groups), 4, input.m, gates.params.m as Operand);
    pack(c, padded(to.groups), 4, state.m, step.params.m as Operand);
    pack(c, padded(from.groups), 4, gru ? input.folded : state.folded, gates.params.b as Operand);
    if (gru) pack(c, padded(to.groups), 4, state.folded, step.params.rb as Operand);
    if (own) pack(c, plain(sizeOf(own.shape)), 4, bias as Operand, constantOf(storedBias(own)));
    if (second) pack(c, plain(sizeOf(second.shape)), 4, c.at(second.name), constantOf(storedBias(second)));
  }
}
