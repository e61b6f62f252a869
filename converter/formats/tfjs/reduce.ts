/** Reductions; the axes are an input that must be known. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { ReduceOp } from "../../ir/ops.ts";
import { axesOf, axisOf, cast, rankOf, reduce, toFloat, valuesOf } from "../onnx/write.ts";
import type { Operator, TfNode } from "./node.ts";

const axes = (n: TfNode, g: GraphBuilder): number[] => axesOf(g, valuesOf(g, n.input(1), "the axes"), rankOf(g, n.input(0)));
const by = (op: ReduceOp): Operator => (n, g) => reduce(g, op, n.input(0), axes(n, g), n.bool("keep_dims"));
const ofBools = (op: ReduceOp): Operator => (n, g) => cast(g, reduce(g, op, toFloat(g, n.input(0)), axes(n, g), n.bool("keep_dims")), "bool");
const arg = (op: "argMax" | "argMin"): Operator => (n, g) =>
  cast(g, g.add(op, [n.input(0)],
    { axis: axisOf(g, n.inputs.length > 1 ? valuesOf(g, n.input(1), "the axis")[0]! : 0, rankOf(g, n.input(0))), keepDims: false,
      selectLast: false }), "int32");

export const reductions: Record<string, Operator> = {
  Mean: by("reduceMean"), Sum: by("reduceSum"), Max: by("reduceMax"), Min: by("reduceMin"), Prod: by("reduceProd"), EuclideanNorm: by("reduceL2"),
  All: ofBools("reduceMin"), Any: ofBools("reduceMax"), ArgMax: arg("argMax"), ArgMin: arg("argMin"),
  Cumsum: (n, g) => g.add("cumSum", [n.input(0)],
    { axis: axisOf(g, valuesOf(g, n.input(1), "the axis")[0]!, rankOf(g, n.input(0))), exclusive: n.bool("exclusive"), reverse: n.bool("reverse") }),
};
