/** Operators that find places by indices: gather, scatter, update. */
import { allocate, sizeOf } from "../../ir/graph.ts";
import { noClamp } from "../../ir/ops.ts";
import type { OperatorTable, TfliteNode } from "./node.ts";
import { options } from "./schema.ts";
import { row } from "./slice.ts";
import { show } from "./tensors.ts";

export const gathers: OperatorTable = {
  GATHER: gather, GATHER_ND: (n) => { n.emit("gatherNd", [n.input(0), n.stored(1)], { batchDims: 0 }); }, EMBEDDING_LOOKUP: embedding,
  DYNAMIC_UPDATE_SLICE: updateSlice, SCATTER_ND: scatter,
};

/** data, indices; rows of `batchDims` leading axes each have their own indices. */
function gather(n: TfliteNode): void {
  const o = options.gather(n.operator), x = n.input(0), indices = n.stored(1), shape = n.shape(x), wanted = n.shape(indices);
  const axis = n.axis(o.axis, shape.length), batch = o.batchDims < 0 ? o.batchDims + wanted.length : o.batchDims;
  if (batch === 0) return void n.emit("gather", [x, indices], { axis });
  if (batch !== 1 || axis !== 1 || wanted.length < 1 || shape[0] !== wanted[0] || shape[0]! > 1024) {
    n.fail(`it gathers along axis ${axis} with ${batch} batch axes, expected no batch axes, or one of up to 1024 rows before axis 1`);
  }
  const rows = Array.from({ length: shape[0]! }, (_, i) => {
    const values = n.reshape(row(n, x, 0, i), shape.slice(1)), at = n.reshape(row(n, indices, 0, i), wanted.slice(1));
    const found = n.move("gather", [values, at], { axis: 0 });
    return n.reshape(found, [1, ...n.shape(found)]);
  });
  n.emit("concat", rows, { axis: 0 });
}

/** indices, table */
function embedding(n: TfliteNode): void {
  n.emit("gather", [n.input(1), n.stored(0)], { axis: 0 });
}

/** x, update, start: a constant start is what follows; the rest of x stays around the update. */
function updateSlice(n: TfliteNode): void {
  const x = n.input(0), update = n.input(1), shape = n.shape(x), part = n.shape(update);
  const start = n.integers(2).map((s, i) => Math.min(Math.max(s, 0), (shape[i] ?? 0) - (part[i] ?? 0)));
  if (start.length !== shape.length || part.length !== shape.length || start.some((s) => s < 0)) {
    n.damaged(`an update ${show(part)} does not fit ${show(shape)}`);
  }
  const mask = n.step("pad", [n.step("expand", [n.graph.constant("one", "float32", [], Float32Array.of(1))], { shape: part })], around(shape, part, start));
  const inside = n.step("greater", [mask, n.graph.scalar(0)], { clamp: noClamp });
  n.emit("where", [inside, n.move("pad", [update], around(shape, part, start)), x], {});
}

/** indices [..., K], updates, shape: adds each update to zeros. Constant indices become places in one long row. */
/** What is not written is the stored integer 0. */
function scatter(n: TfliteNode): void {
  const at = n.value(0), indices = n.shape(n.stored(0)), shape = n.integers(2), K = indices.at(-1) ?? 0, updates = n.input(1), rows = sizeOf(indices) / K;
  if (K < 1 || K > shape.length || shape.some((d) => d < 0) || sizeOf(n.shape(updates)) !== rows * sizeOf(shape.slice(K))) {
    n.damaged(`indices ${show(indices)} and updates ${show(n.shape(updates))} do not fit ${show(shape)}`);
  }
  const inner = sizeOf(shape.slice(K));
  const first = Array.from({ length: rows }, (_, r) => {
    const row = Array.from({ length: K }, (_, k) => at[r * K + k]!);
    if (row.some((i, k) => i < 0 || i >= shape[k]!)) n.damaged(`index ${show(row)} is outside ${show(shape)}`);
    return row.reduce((a, i, k) => a * shape[k]! + i, 0) * inner;
  });
  const places = n.indices("places", rows * inner, (i) => first[Math.floor(i / inner)]! + (i % inner));
  const dtype = n.dtype(updates), quantization = n.quantization(updates), zero = n.graph.constant("zero", dtype, [], allocate(dtype, 1), quantization);
  const zeroes = n.step("expand", [zero], { shape: [sizeOf(shape)] }, quantization), flat = n.reshape(updates, [rows * inner]);
  const sums = n.step("scatterElements", [zeroes, places, flat], { axis: 0, reduction: new Set(first).size === rows ? "none" : "add" }, quantization);
  n.emit("reshape", [sums], { shape });
}

const around = (shape: number[], part: number[], start: number[]) =>
  ({ before: start, after: shape.map((d, i) => d - part[i]! - start[i]!), mode: "constant" as const, value: 0 });
