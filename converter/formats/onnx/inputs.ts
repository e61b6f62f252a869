/** The model's inputs, with every free axis bound to a size. */
import { modelError } from "../../ir/error.ts";
import { allocate, sizeOf, type TypedArray } from "../../ir/graph.ts";
import type { GraphBuilder } from "../../ir/builder.ts";
import { checkInputNames } from "../names.ts";
import type { ReadOptions } from "../reader.ts";
import type { DimensionProto, ValueInfoProto } from "./proto.ts";
import { checkedShape, dtypeOf } from "./tensor.ts";

/** Sizes of named axes: the same name has the same size everywhere. */
type Names = Map<string, number>;

interface Declared { name: string; type: number | undefined; dims: DimensionProto[] | undefined }

/** Adds all inputs to the graph; those that `constants` fixes become constants. */
export function addInputs(g: GraphBuilder, infos: ValueInfoProto[], options: ReadOptions): string[] {
  const declared = infos.map((info) => declaredInput(info)), names: Names = new Map();
  checkInputNames(g.graph.format, declared.map((d) => d.name), options);
  for (const input of declared) learnNames(input, options, names);
  return declared.map((input) => {
    const where = `input "${input.name}"`, dtype = dtypeOf(input.type, where), fixed = options.constants?.[input.name];
    if (!fixed) return g.input(input.name, dtype, checkedShape(boundShape(input, options, names), where));
    const isOne = fixed.data.length === 1 && input.dims, shape = checkedShape(isOne ? input.dims!.map(() => 1) : fixed.shape, where), data = allocate(dtype, fixed.data.length);
    if (sizeOf(shape) !== fixed.data.length)
      throw modelError("ERR_OCTAVO_SHAPE", "onnx", where, `its fixed value has ${fixed.data.length} elements, expected ${sizeOf(shape)}`);
    (data as Float32Array).set(fixed.data as ArrayLike<number>);
    return g.constant(input.name, dtype, shape, data as TypedArray);
  });
}

function declaredInput(info: ValueInfoProto): Declared {
  const name = info.name ?? "", type = info.type;
  if (!name) throw modelError("ERR_OCTAVO_FORMAT", "onnx", "model", "an input has no name", "Export the model again.");
  const other = type?.sequenceType ? "a sequence" : type?.mapType ? "a map" : type?.optionalType ? "an optional value" : type?.tensorType ? "" : "of no type";
  if (other)
    throw modelError("ERR_OCTAVO_DTYPE", "onnx", `input "${name}"`, `it is ${other}, expected a tensor`, "Export the model with tensors as inputs.");
  return { name, type: type!.tensorType!.elemType, dims: type!.tensorType!.shape && (type!.tensorType!.shape.dim ?? []) };
}

/** What the caller says about one input binds the names of its axes in all. */
function learnNames(input: Declared, options: ReadOptions, names: Names): void {
  const given = options.inputShapes?.[input.name] ?? options.constants?.[input.name]?.shape;
  input.dims?.forEach((dim, axis) => {
    const size = given?.[axis];
    if (dim.dimParam && size !== undefined && size >= 0) names.set(dim.dimParam, size);
  });
}

function boundShape(input: Declared, options: ReadOptions, names: Names): number[] {
  const where = `input "${input.name}"`, given = options.inputShapes?.[input.name];
  if (!input.dims && !given)
    throw modelError("ERR_OCTAVO_SHAPE", "onnx", where, "its shape is unknown", `Give it with --input-shape ${input.name}=….`);
  if (input.dims && given && given.length !== input.dims.length) {
    throw modelError("ERR_OCTAVO_SHAPE", "onnx", where, `the given shape [${given.join(",")}] has rank ${given.length}, expected ${input.dims.length}`);
  }
  if (!input.dims) return given!;
  return input.dims.map((dim, axis) => {
    const size = given?.[axis] ?? -1;
    if (size >= 0) return size;
    return fixedSize(dim) ?? names.get(dim.dimParam ?? "") ?? freeSize(input, axis, options.stateful ?? false);
  });
}

const fixedSize = (dim: DimensionProto): number | undefined => (!dim.dimParam && dim.dimValue !== undefined && dim.dimValue > 0 ? dim.dimValue : undefined);

/** The surest first. */
const batchNames = [/batch|^bs$/i, /^[nb]$/i];
const timeName = /time|seq|len|step|frame|^[tls]$/i;

/**
 * One sample per run: the batch axis is 1. That is the axis named so, else the first one unless its name speaks of time.
 * One step per run (`stateful`) makes the time axis 1.
 */
function freeSize(input: Declared, axis: number, stateful: boolean): number {
  const name = (a: number) => input.dims![a]?.dimParam ?? "", batch = batchAxis(input.dims!.map((_, a) => name(a)));
  if (axis === batch || (stateful && (timeName.test(name(axis)) || axis <= 1))) return 1;
  const shape = input.dims!.map((d, a) => fixedSize(d) ?? (a === axis ? "?" : name(a) || "?"));
  throw modelError("ERR_OCTAVO_SHAPE", "onnx", `input "${input.name}"`, `axis ${axis}${name(axis) ? ` ("${name(axis)}")` : ""} of [${shape.join(",")}] has no fixed size`,
    `Give all sizes with --input-shape ${input.name}=${input.dims!.map((d, a) => fixedSize(d) ?? (a === batch ? 1 : "SIZE")).join(",")}.`);
}

/** -1 where no axis is that of the batch. */
function batchAxis(names: readonly string[]): number {
  const named = batchNames.map((pattern) => names.findIndex((name) => pattern.test(name))).find((axis) => axis >= 0);
  return named ?? (timeName.test(names[0] ?? "") ? -1 : 0);
}
