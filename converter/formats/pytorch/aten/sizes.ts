/** Numbers computed from shapes, and tensors made of numbers: all known while reading. */
import type { GraphBuilder } from "../../../ir/builder.ts";
import type { DType } from "../../../ir/graph.ts";
import { axisOf, bounded, constant, dtypeOf, filled, range, rankOf, valuesOf } from "../../onnx/write.ts";
import type { AtenNode, Operator, Result } from "../aten-node.ts";
import { elementTypes, scalarTypes } from "../tensors.ts";

const dtypeIn = (n: AtenNode, otherwise: DType): DType =>
  (n.has("dtype") ? elementTypes[scalarTypes[n.int("dtype")] ?? ""]?.dtype ?? "float32" : otherwise);
const made = (n: AtenNode, g: GraphBuilder, value: number, otherwise: DType = "float32"): string =>
  filled(g, dtypeIn(n, otherwise), n.ints("size"), value);
const like = (n: AtenNode, g: GraphBuilder, value: number): string =>
  filled(g, dtypeIn(n, dtypeOf(g, n.tensor("self"))), g.shape(n.tensor("self")), value);

const arithmetic = (f: (a: number, b: number) => number): Operator => (n) => f(Number(n.get("a") ?? n.get("0")), Number(n.get("b") ?? n.get("1")));
const nothing: Operator = () => null;

export const sizes: Record<string, Operator> = {
  sym_size: (n, g) => g.shape(n.tensor("self"))[axisOf(g, n.int("dim"), rankOf(g, n.tensor("self")))]!,
  sym_numel: (n, g) => g.shape(n.tensor("self")).reduce((a, d) => a * d, 1),
  zeros: (n, g) => made(n, g, 0), ones: (n, g) => made(n, g, 1), empty: (n, g) => made(n, g, 0), full: (n, g) => made(n, g, n.number("fill_value")),
  new_zeros: (n, g) => made(n, g, 0, dtypeOf(g, n.tensor("self"))), new_ones: (n, g) => made(n, g, 1, dtypeOf(g, n.tensor("self"))),
  new_full: (n, g) => made(n, g, n.number("fill_value"), dtypeOf(g, n.tensor("self"))),
  zeros_like: (n, g) => like(n, g, 0), ones_like: (n, g) => like(n, g, 1), full_like: (n, g) => like(n, g, n.number("fill_value")),
  empty_like: (n, g) => like(n, g, 0),
  scalar_tensor: (n, g) => constant(g, "scalar", dtypeIn(n, "float32"), [n.number("s")], []),
  arange: (n, g) => {
    const start = n.number("start", 0), step = n.number("step", 1), count = Math.max(0, Math.ceil((n.number("end") - start) / step));
    return constant(g, "range", dtypeIn(n, [start, step].every(Number.isInteger) ? "int64" : "float32"),
      range(bounded(g, count, "a range")).map((i) => start + i * step));
  },
  item: (n, g): Result => valuesOf(g, n.tensor("self"), "a number")[0] ?? null,
  _local_scalar_dense: (n, g): Result => valuesOf(g, n.tensor("self"), "a number")[0] ?? null,
  _assert_scalar: nothing, _assert_async: nothing, _assert_tensor_metadata: nothing, sym_constrain_range: nothing,
  sym_constrain_range_for_size: nothing,
  "_operator.add": arithmetic((a, b) => a + b), "_operator.sub": arithmetic((a, b) => a - b), "_operator.mul": arithmetic((a, b) => a * b),
  "_operator.floordiv": arithmetic((a, b) => Math.floor(a / b)),
  "_operator.truediv": arithmetic((a, b) => a / b), "_operator.mod": arithmetic((a, b) => ((a % b) + b) % b),
  "_operator.neg": (n) => -Number(n.get("a") ?? n.get("0")),
  "_operator.eq": nothing, "_operator.ge": nothing, "_operator.gt": nothing, "_operator.le": nothing, "_operator.lt": nothing,
  "_operator.ne": nothing,
  "torch.sym_max": arithmetic(Math.max), "torch.sym_min": arithmetic(Math.min), "math.trunc": (n) => Math.trunc(Number(n.get("0"))),
};

