/** Functions that move, repeat or pick elements. */
import { sizeOf } from "../../ir/graph.ts";
import { axesOf, axisOf, bounded, concat, constant, expand, padWith, range, rankOf, reshape, reverse, sliceAxis, transpose } from "../onnx/write.ts";
import { number, numbers, setting, tensor, tensorList } from "./arguments.ts";
import { getItem } from "./get-item.ts";
import type { Layer, LayerFunction } from "./layer.ts";

const x = (l: Layer): string => tensor(l, 0, "x");
const axisOfSetting = (l: Layer, index: number, name: string, otherwise: number, rank: number): number => axisOf(l.g, number(l, index, name, otherwise), rank);

export const shapeOperations: Record<string, LayerFunction> = {
  Reshape: (l) => {
    const from = tensor(l, 0, "tensor"), shape = numbers(l, setting(l, 1, "newshape") ?? setting(l, 1, "shape"));
    const free = sizeOf(l.g.shape(from)) / shape.filter((d) => d !== -1).reduce((a, d) => a * d, 1);
    return reshape(l.g, from, shape.map((d) => (d === -1 ? free : d)));
  },
  Transpose: (l) => {
    const from = tensor(l, 0, "a"), rank = rankOf(l.g, from), axes = setting(l, 1, "axes") ?? setting(l, 1, "perm");
    return transpose(l.g, from, axes === undefined || axes === null ? range(rank).reverse() : axesOf(l.g, numbers(l, axes), rank));
  },
  Swapaxes: (l) => {
    const rank = rankOf(l.g, x(l)), [a, b] = [axisOfSetting(l, 1, "axis1", 0, rank), axisOfSetting(l, 2, "axis2", 0, rank)];
    return transpose(l.g, x(l), range(rank).map((i) => (i === a ? b : i === b ? a : i)));
  },
  Moveaxis: (l) => {
    const rank = rankOf(l.g, x(l)), axes = (index: number, name: string) => axesOf(l.g, numbers(l, setting(l, index, name)), rank);
    const [from, to] = [axes(1, "source"), axes(2, "destination")], rest = range(rank).filter((i) => !from.includes(i));
    return transpose(l.g, x(l), range(rank).map((i) => (to.includes(i) ? from[to.indexOf(i)] ?? i : rest.shift() ?? i)));
  },
  ExpandDims: (l) => {
    const from = tensor(l, 0, "input"), shape = [...l.g.shape(from)];
    shape.splice(axisOf(l.g, Number(setting(l, 1, "axis")), shape.length + 1), 0, 1);
    return reshape(l.g, from, shape);
  },
  Squeeze: (l) => {
    const from = tensor(l, 0, "input"), shape = l.g.shape(from), axis = setting(l, 1, "axis");
    const axes = axis === undefined || axis === null ? range(shape.length).filter((i) => shape[i] === 1) : axesOf(l.g, numbers(l, axis), shape.length);
    return reshape(l.g, from, shape.filter((_, i) => !axes.includes(i)));
  },
  Concatenate: (l) => {
    const parts = tensorList(l, "values");
    return concat(l.g, parts, axisOfSetting(l, 1, "axis", -1, rankOf(l.g, parts[0]!)));
  },
  Stack: (l) => {
    const parts = tensorList(l, "values"), axis = axisOfSetting(l, 1, "axis", 0, rankOf(l.g, parts[0]!) + 1);
    return concat(l.g, parts.map((part) => reshape(l.g, part, [...l.g.shape(part).slice(0, axis), 1, ...l.g.shape(part).slice(axis)])), axis);
  },
  Unstack: (l) => {
    const shape = l.g.shape(x(l)), axis = axisOfSetting(l, 2, "axis", 0, shape.length), count = bounded(l.g, shape[axis]!, "unstacking");
    return range(count).map((i) => reshape(l.g, sliceAxis(l.g, x(l), axis, i, 1), shape.filter((_, k) => k !== axis)));
  },
  Split: split, GetItem: getItem, Repeat: repeat, Roll: roll,
  Tile: (l) => {
    const repeats = numbers(l, setting(l, 1, "repeats") ?? setting(l, 1, "multiples")), rank = Math.max(repeats.length, rankOf(l.g, x(l)));
    const shape = l.g.shape(x(l)), ones = (n: number) => new Array<number>(n).fill(1);
    return l.g.add("tile", [reshape(l.g, x(l), [...ones(rank - shape.length), ...shape])], { repeats: [...ones(rank - repeats.length), ...repeats] });
  },
  BroadcastTo: (l) => expand(l.g, x(l), [1, ...numbers(l, setting(l, 1, "shape")).slice(1)]),
  Pad: pad,
  Flip: (l) => axesOf(l.g, numbers(l, setting(l, 1, "axis")), rankOf(l.g, x(l))).reduce((y, axis) => reverse(l.g, y, axis), x(l)),
  Take: (l) => {
    const rank = rankOf(l.g, x(l)), indices = numbers(l, setting(l, 1, "indices"));
    return l.g.add("gather", [x(l), constant(l.g, `${l.name}/indices`, "int32", indices)], { axis: axisOfSetting(l, 2, "axis", 0, rank) });
  },
  OneHot: (l) => {
    const classes = number(l, 1, "num_classes", number(l, 1, "depth", 0)), from = x(l);
    if (number(l, 2, "axis", -1) !== -1) l.g.fail("its axis is another than the last", "One-hot along the last axis.");
    const table = Float32Array.from({ length: bounded(l.g, classes * classes, "a one-hot table") }, (_, i) => (i % (classes + 1) === 0 ? 1 : 0));
    return l.g.add("gather", [l.g.constant(`${l.name}/one_hot`, "float32", [classes, classes], table), from], { axis: 0 });
  },
};

/** Equal parts, or parts that begin at the given places. */
function split(l: Layer): string[] {
  const from = tensor(l, 0, "value"), axis = axisOfSetting(l, 2, "axis", 0, rankOf(l.g, from)), size = l.g.shape(from)[axis]!;
  const asked = setting(l, 1, "indices_or_sections") ?? setting(l, 1, "num_or_size_splits"), each = typeof asked === "number" ? size / asked : 0;
  if (typeof asked === "number" && !Number.isInteger(each)) l.g.fail(`it does not split ${size} into equal parts`, "Split into equal parts.");
  const starts = typeof asked === "number" ? range(bounded(l.g, asked, "splitting")).map((i) => i * each) : [0, ...numbers(l, asked)];
  const ends = [...starts.slice(1), size];
  if (starts.some((s, i) => s < 0 || s > ends[i]!)) l.g.fail(`it splits ${size} at [${starts.join(",")}]`, "Split at places from 0 upwards.", "ERR_OCTAVO_SHAPE");
  return starts.map((start, i) => sliceAxis(l.g, from, axis, start, ends[i]! - start));
}

/** Each element several times, along one axis. */
function repeat(l: Layer): string {
  const shape = l.g.shape(x(l)), count = number(l, 1, "repeats", 1), axis = axisOfSetting(l, 2, "axis", 0, shape.length);
  const spread = [...shape.slice(0, axis + 1), count, ...shape.slice(axis + 1)], column = spread.map((d, i) => (i === axis + 1 ? 1 : d));
  return reshape(l.g, expand(l.g, reshape(l.g, x(l), column), spread), shape.map((d, i) => (i === axis ? d * count : d)));
}

/** Elements that fall out at one end come in at the other. */
function roll(l: Layer): string {
  const rank = rankOf(l.g, x(l)), shifts = numbers(l, setting(l, 1, "shift")), axes = axesOf(l.g, numbers(l, setting(l, 2, "axis")), rank);
  return axes.reduce((y, axis, i) => {
    const size = l.g.shape(y)[axis]!, by = (((shifts[i] ?? shifts[0]!) % size) + size) % size;
    return by ? concat(l.g, [sliceAxis(l.g, y, axis, size - by, by), sliceAxis(l.g, y, axis, 0, size - by)], axis) : y;
  }, x(l));
}

/** Amounts are [before, after] per axis. */
function pad(l: Layer): string {
  const rows = setting(l, 1, "pad_width") ?? setting(l, 1, "paddings"), mode = String(setting(l, 2, "mode") ?? "constant").toLowerCase();
  const pairs = (Array.isArray(rows) ? rows : []).map((r) => numbers(l, r)), shape = l.g.shape(x(l));
  if (pairs.length !== shape.length || pairs.some((p) => p.length !== 2 || p.some((v) => v < 0))) {
    l.g.fail(`it pads [${shape.join(",")}] by ${JSON.stringify(rows)}`, "Give [before, after] for each axis.", "ERR_OCTAVO_SHAPE");
  }
  const [before, after] = [pairs.map((p) => p[0]!), pairs.map((p) => p[1]!)];
  if (mode === "constant") return padWith(l.g, x(l), before, after, number(l, 3, "constant_values", 0));
  if (mode !== "reflect" && mode !== "edge") l.g.fail(`its mode is "${mode}", expected constant, reflect or edge`, "Use one of these.");
  return l.g.add("pad", [x(l)], { before, after, mode, value: 0 });
}
