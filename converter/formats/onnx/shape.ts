/** What changes form and not value: reshaping, slicing, joining, padding, casting. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { allocate, sizeOf, tensorOf } from "../../ir/graph.ts";
import { broadcastShapes } from "../../ir/ops.ts";
import type { Operator, Operators, OnnxNode } from "./node.ts";
import { narrowTypeOf } from "./narrow.ts";
import { dtypeOf as dtypeOfElement, elementTypes, integerRange } from "./tensor.ts";
import {
  axesOf, axisOf, binary, bounded, cast, concat, constant, damaged, dtypeOf, expand, filled, intsOf, isFloat, misfit, range, rankOf, reshape,
  scalar, sliceAxis, sub, transpose, unary, valuesOf, where,
} from "./write.ts";

/** 0 keeps the axis (unless `allowzero`), −1 takes what is left. */
function reshapeTo(n: OnnxNode, g: GraphBuilder): string {
  const from = g.shape(n.input(0)), wanted = intsOf(n, g, "shape", 1) ?? damaged(g, "its shape is missing");
  const shape = wanted.map((d, i) => (d === 0 && !n.int("allowzero", 0) ? (from[i] ?? 0) : d));
  const free = shape.indexOf(-1);
  if (free >= 0) shape[free] = sizeOf(from) / sizeOf(shape.filter((_, i) => i !== free)) || 0;
  if (shape.some((d) => !Number.isInteger(d) || d < 0)) misfit(g, `[${from.join(",")}] cannot become [${wanted.join(",")}]`);
  return reshape(g, n.input(0), shape);
}

function flatten(n: OnnxNode, g: GraphBuilder): string {
  const shape = g.shape(n.input(0)), axis = n.int("axis", 1), at = axis < 0 ? axis + shape.length : axis;
  if (at < 0 || at > shape.length) axisOf(g, axis, shape.length);
  return reshape(g, n.input(0), [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))]);
}

function squeeze(n: OnnxNode, g: GraphBuilder): string {
  const shape = g.shape(n.input(0)), given = intsOf(n, g, "axes", 1);
  const axes = given ? axesOf(g, given, shape.length) : range(shape.length).filter((a) => shape[a] === 1);
  const wide = axes.find((a) => shape[a] !== 1);
  if (wide !== undefined) misfit(g, `axis ${wide} has size ${shape[wide]}, expected 1`);
  return reshape(g, n.input(0), shape.filter((_, a) => !axes.includes(a)));
}

function unsqueeze(n: OnnxNode, g: GraphBuilder): string {
  const shape = g.shape(n.input(0)), given = intsOf(n, g, "axes", 1) ?? [], axes = axesOf(g, given, shape.length + given.length);
  const rest = [...shape];
  return reshape(g, n.input(0), range(shape.length + axes.length).map((a) => (axes.includes(a) ? 1 : rest.shift()!)));
}

function transposeTo(n: OnnxNode, g: GraphBuilder): string {
  const rank = rankOf(g, n.input(0)), perm = axesOf(g, n.ints("perm") ?? range(rank).reverse(), rank);
  if (perm.length !== rank) misfit(g, `perm has ${perm.length} axes, the input has ${rank}`);
  return transpose(g, n.input(0), perm);
}

function join(n: OnnxNode, g: GraphBuilder): string {
  const inputs = n.inputs.map((_, i) => n.input(i)), axis = axisOf(g, n.int("axis", n.opset < 4 ? 1 : undefined), rankOf(g, n.input(0)));
  return concat(g, inputs, axis);
}

function split(n: OnnxNode, g: GraphBuilder): string[] {
  const x = n.input(0), shape = g.shape(x), axis = axisOf(g, n.int("axis", 0), shape.length), size = shape[axis]!;
  const count = n.outputs.length, chunk = Math.ceil(size / count);
  const sizes = intsOf(n, g, "split", 1) ?? range(count).map((i) => Math.max(0, Math.min(chunk, size - i * chunk)));
  if (sizes.length !== count || sizes.some((s) => s < 0) || sizes.reduce((a, s) => a + s, 0) !== size) {
    misfit(g, `parts of [${sizes.join(",")}] do not make up axis ${axis} of ${size} for ${count} outputs`);
  }
  let start = 0;
  return sizes.map((part, i) => {
    start += part;
    return n.wants(i) ? sliceAxis(g, x, axis, start - part, part) : "";
  });
}

function slice(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), shape = g.shape(x), rank = shape.length;
  const starts = intsOf(n, g, "starts", 1) ?? [], ends = intsOf(n, g, "ends", 2) ?? [], given = intsOf(n, g, "axes", 3);
  const axes = axesOf(g, given ?? range(starts.length), rank), steps = intsOf(n, g, "steps", 4) ?? starts.map(() => 1);
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length)
    misfit(g, "starts, ends, axes and steps differ in length");
  const whole = { starts: shape.map(() => 0), steps: shape.map(() => 1), sizes: [...shape] };
  axes.forEach((axis, i) => {
    const part = sliceOf(g, shape[axis]!, starts[i]!, ends[i]!, steps[i]!);
    whole.starts[axis] = part.start;
    whole.steps[axis] = part.step;
    whole.sizes[axis] = part.size;
  });
  return g.add("slice", [x], whole);
}

/** start:end:step on an axis of `size`; a start before the axis is its first element, backwards too. */
function sliceOf(g: GraphBuilder, size: number, start: number, end: number, step: number): { start: number; step: number; size: number } {
  if (step === 0 || !Number.isInteger(step)) misfit(g, `step is ${step}, expected another number`);
  const lowest = step > 0 ? 0 : -1, highest = step > 0 ? size : size - 1;
  const within = (i: number) => Math.min(highest, Math.max(lowest, i < 0 ? i + size : i));
  const from = Math.max(0, within(start)), count = size === 0 ? 0 : Math.max(0, Math.ceil((within(end) - from) / step));
  return count === 0 ? { start: 0, step: 1, size: 0 } : { start: from, step, size: count };
}

function pad(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), rank = rankOf(g, x), axes = n.optional(3) ? axesOf(g, valuesOf(g, n.input(3), "axes"), rank) : range(rank);
  const pads = intsOf(n, g, "pads", 1) ?? n.ints("paddings") ?? damaged(g, "pads are missing");
  if (pads.length !== 2 * axes.length) misfit(g, `found ${pads.length} pads, expected ${2 * axes.length}`);
  const along = (offset: number) => range(rank).map((a) => (axes.includes(a) ? pads[axes.indexOf(a) + offset]! : 0));
  const mode = n.string("mode", "constant"), before = along(0), after = along(axes.length);
  if (mode !== "constant" && mode !== "reflect" && mode !== "edge" && mode !== "wrap")
    return g.fail(`mode is "${mode}", expected constant, reflect, edge or wrap`);
  if (mode !== "constant" && g.shape(x).some((d, a) => d === 0 && before[a]! + after[a]! > 0)) misfit(g, `an empty axis cannot be padded by ${mode}`);
  const value = n.optional(2) ? valuesOf(g, n.input(2), "constant_value")[0]! : n.float("value", 0);
  return g.add("pad", [x], { before, after, mode, value: storedToReal(g, x, value) });
}

/** A quantized tensor is a real number to the graph, its stored value to ONNX. */
function storedToReal(g: GraphBuilder, x: string, stored: number): number {
  const q = tensorOf(g.graph, x).quantization;
  return q ? (stored - q.zeroPoint[0]!) * q.scale[0]! : stored;
}

function expandTo(n: OnnxNode, g: GraphBuilder): string {
  const shape = valuesOf(g, n.input(1), "shape"), from = g.shape(n.input(0));
  return expand(g, n.input(0), broadcastShapes(from, shape));
}

function tile(n: OnnxNode, g: GraphBuilder): string {
  const repeats = valuesOf(g, n.input(1), "repeats"), rank = rankOf(g, n.input(0));
  if (repeats.length !== rank || repeats.some((r) => !(r >= 0))) misfit(g, `repeats are [${repeats.join(",")}], expected ${rank} numbers`);
  return g.add("tile", [n.input(0)], { repeats });
}

function shapeOf(n: OnnxNode, g: GraphBuilder): string {
  const shape = g.shape(n.input(0)), end = n.has("end") ? n.int("end") : shape.length;
  return constant(g, "shape", "int64", shape.slice(n.int("start", 0), end));
}

const size: Operator = (n, g) => scalar(g, sizeOf(g.shape(n.input(0))), "int64");

/** Casts to 4 and 2 bits keep the lowest bits, as casts to wider integers do. */
function castTo(g: GraphBuilder, x: string, type: number): string {
  const to = dtypeOfElement(type, g.where), bits = elementTypes[type]!.bits;
  if (to === "float32" || bits >= 8) return cast(g, x, to);
  const [lowest] = integerRange(type)!, whole = isFloat(g, x) ? unary(g, "truncate", x) : cast(g, x, "int64");
  const lowBits = binary(g, "mod", unary(g, "affine", whole, 1, -lowest), scalar(g, 2 ** bits, dtypeOf(g, whole)));
  return cast(g, unary(g, "affine", lowBits, 1, lowest), to);
}

function castLike(n: OnnxNode, g: GraphBuilder): string {
  const narrow = narrowTypeOf(g, n.input(1));
  return narrow === undefined ? cast(g, n.input(0), dtypeOf(g, n.input(1))) : castTo(g, n.input(0), narrow);
}

/** Old models name the type. */
const typeOf = (n: OnnxNode): number => {
  const name = n.raw("to")?.s ? n.string("to").toLowerCase().replace("double", "float64").replace(/^float$/, "float32") : "";
  return name ? Number(Object.keys(elementTypes).find((t) => elementTypes[Number(t)]!.name === name) ?? 0) : n.int("to");
};

/** Rows of `blocksize` · `blocksize` channels become squares. */
function depthToSpace(n: OnnxNode, g: GraphBuilder): string {
  const b = n.int("blocksize"), [N, C, H, W] = imageShape(g, n.input(0)), rest = C / (b * b);
  if (!Number.isInteger(rest) || b < 1) misfit(g, `${C} channels do not split into blocks of ${b} · ${b}`);
  const columnsFirst = n.string("mode", "DCR") === "CRD";
  const split = reshape(g, n.input(0), columnsFirst ? [N, rest, b, b, H, W] : [N, b, b, rest, H, W]);
  return reshape(g, transpose(g, split, columnsFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]), [N, rest, H * b, W * b]);
}

function spaceToDepth(n: OnnxNode, g: GraphBuilder): string {
  const b = n.int("blocksize"), [N, C, H, W] = imageShape(g, n.input(0));
  if (b < 1 || H % b || W % b) misfit(g, `${H} · ${W} pixels do not split into blocks of ${b} · ${b}`);
  const split = reshape(g, n.input(0), [N, C, H / b, b, W / b, b]), columnsFirst = n.string("mode", "DCR") === "CRD";
  return reshape(g, transpose(g, split, columnsFirst ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4]), [N, C * b * b, H / b, W / b]);
}

function imageShape(g: GraphBuilder, x: string): [number, number, number, number] {
  const shape = g.shape(x);
  if (shape.length !== 4) misfit(g, `input has shape [${shape.join(",")}], expected [N,C,H,W]`);
  return shape as [number, number, number, number];
}

/** Crops or zero-pads every axis around its middle. */
function centerCropPad(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), shape = g.shape(x), target = valuesOf(g, n.input(1), "shape");
  const axes = axesOf(g, n.ints("axes") ?? range(shape.length), shape.length);
  if (axes.length !== target.length) misfit(g, `shape has ${target.length} sizes for ${axes.length} axes`);
  const extra = shape.map((d, a) => (axes.includes(a) ? target[axes.indexOf(a)]! - d : 0));
  const before = extra.map((e) => (e >= 0 ? Math.floor(e / 2) : -Math.floor(-e / 2)));
  return g.add("pad", [x], { before, after: extra.map((e, a) => e - before[a]!), mode: "constant", value: 0 });
}

function constantOf(n: OnnxNode, g: GraphBuilder): string {
  const floats = n.floats("value_floats"), ints = n.ints("value_ints"), value = n.tensor("value");
  if (value) return g.constant("constant", value.dtype, value.shape, value.data);
  if (n.has("value_float")) return scalar(g, n.float("value_float"));
  if (n.has("value_int")) return scalar(g, n.int("value_int"), "int64");
  if (floats) return constant(g, "constant", "float32", floats);
  if (ints) return constant(g, "constant", "int64", ints);
  const sparse = n.sparse("sparse_value");
  if (sparse) return g.constant("constant", sparse.dtype, sparse.shape, sparse.data);
  return g.fail("its value is text or missing, expected numbers", "Remove the text before export.", "ERR_OCTAVO_DTYPE");
}

function constantOfShape(n: OnnxNode, g: GraphBuilder): string {
  const shape = valuesOf(g, n.input(0), "its shape"), value = n.tensor("value");
  if (shape.some((d) => d < 0)) misfit(g, `shape is [${shape.join(",")}], expected sizes of 0 or more`);
  return filled(g, value?.dtype ?? "float32", shape, value?.data[0] ?? 0);
}

function rangeOf(n: OnnxNode, g: GraphBuilder): string {
  const [start, limit, delta] = [0, 1, 2].map((i) => valuesOf(g, n.input(i), ["start", "limit", "delta"][i]!)[0] ?? NaN) as [number, number, number];
  const count = bounded(g, Math.max(0, Math.ceil((limit - start) / delta)), "the range");
  return constant(g, "range", dtypeOf(g, n.input(0)), Float64Array.from({ length: count }, (_, i) => start + i * delta));
}

/** Ones on diagonal `k` of a matrix like x. */
function eyeLike(n: OnnxNode, g: GraphBuilder): string {
  const [rows, columns] = g.shape(n.input(0)) as [number, number], k = n.int("k", 0);
  const dtype = n.has("dtype") ? dtypeOfElement(n.int("dtype"), g.where) : dtypeOf(g, n.input(0));
  const data = allocate(dtype, bounded(g, rows * columns, "the matrix"));
  for (let r = Math.max(0, -k); r < rows && r + k < columns; r++) data[r * columns + r + k] = 1;
  return g.constant("eye", dtype, [rows, columns], data);
}

/** The upper (or lower) triangle: column − row ≥ k (≤ k); zero elsewhere. */
function trilu(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), [rows, columns] = g.shape(x).slice(-2) as [number, number], upper = n.int("upper", 1);
  const k = n.optional(1) ? valuesOf(g, n.input(1), "k")[0]! : 0;
  const inside = new Uint8Array(bounded(g, rows * columns, "the mask"));
  for (let i = 0; i < inside.length; i++) {
    const off = (i % columns) - Math.floor(i / columns);
    inside[i] = (upper ? off >= k : off <= k) ? 1 : 0;
  }
  return where(g, g.constant("triangle", "bool", [rows, columns], inside), x, scalar(g, 0, dtypeOf(g, x)));
}

/** y[t] = x[length − 1 − t] inside of each sequence, x[t] behind it. */
function reverseSequence(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), shape = g.shape(x), batch = n.int("batch_axis", 1), time = n.int("time_axis", 0);
  const along = (axis: number) => shape.map((d, a) => (a === axis ? d : 1));
  const steps = constant(g, "steps", "int64", range(bounded(g, shape[time] ?? 0, "the sequence")), along(time));
  const lengths = reshape(g, cast(g, n.input(1), "int64"), along(batch));
  const mirrored = sub(g, unary(g, "affine", lengths, 1, -1), steps);
  const index = where(g, binary(g, "less", steps, lengths), mirrored, steps);
  return g.add("gatherElements", [x, expand(g, index, shape)], { axis: time });
}

/** Inference passes x through; a mask is all true. Training draws random numbers, which no converted model can repeat. */
function dropout(n: OnnxNode, g: GraphBuilder): string[] {
  const x = n.input(0), training = n.optional(2) ? valuesOf(g, n.input(2), "training_mode")[0] : 0;
  const ratio = training && n.optional(1) ? valuesOf(g, n.input(1), "ratio")[0] : 0.5;
  if (training && ratio !== 0)
    g.fail("training_mode is true, expected false: dropout draws random numbers in training", "Export the model for inference (model.eval()).");
  const mask = () => filled(g, n.opset >= 10 ? "bool" : dtypeOf(g, x), g.shape(x), 1);
  return [x, n.wants(1) ? mask() : ""];
}

export const shaping: Operators = {
  Reshape: reshapeTo, Flatten: flatten, Squeeze: squeeze, Unsqueeze: unsqueeze, Transpose: transposeTo,
  Concat: join, Split: split, Slice: slice, Pad: pad, Expand: expandTo, Tile: tile, Shape: shapeOf, Size: size,
  Identity: (n) => n.input(0), Cast: (n, g) => castTo(g, n.input(0), typeOf(n)), CastLike: castLike,
  DepthToSpace: depthToSpace, SpaceToDepth: spaceToDepth, CenterCropPad: centerCropPad,
  Constant: constantOf, ConstantOfShape: constantOfShape, Range: rangeOf, EyeLike: eyeLike, Trilu: trilu,
  ReverseSequence: reverseSequence, Dropout: dropout,
  OptionalHasElement: (n, g) => scalar(g, n.optional(0) ? 1 : 0, "bool"), OptionalGetElement: (n) => n.input(0),
};
