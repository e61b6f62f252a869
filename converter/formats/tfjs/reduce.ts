/** Reductions; the axes are an input that must be known. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { freshName } from "../../ir/graph.ts";
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

/** The k largest of the last axis and where they stand. */
function topK(n: TfNode, g: GraphBuilder): string[] {
  const x = n.input(0), axis = rankOf(g, x) - 1, k = n.inputs.length > 1 ? valuesOf(g, n.input(1), "k")[0]! : n.int("k", 1), size = g.shape(x)[axis]!;
  if (!(k >= 0 && k <= size)) g.fail(`k is ${k}, its last axis has ${size} elements`, "Convert the model again.", "ERR_OCTAVO_SHAPE");
  const outputs = ["values", "indices"].map((name) => freshName(g.graph, name));
  g.add("topK", [x], { axis, k, largest: true }, outputs);
  return [outputs[0]!, cast(g, outputs[1]!, "int32")];
}

export const reductions: Record<string, Operator> = {
  Mean: by("reduceMean"), Sum: by("reduceSum"), Max: by("reduceMax"), Min: by("reduceMin"), Prod: by("reduceProd"), EuclideanNorm: by("reduceL2"),
  All: ofBools("reduceMin"), Any: ofBools("reduceMax"), ArgMax: arg("argMax"), ArgMin: arg("argMin"),
  TopK: topK, TopKV2: topK,
  Cumsum: (n, g) => g.add("cumSum", [n.input(0)],
    { axis: axisOf(g, valuesOf(g, n.input(1), "the axis")[0]!, rankOf(g, n.input(0))), exclusive: n.bool("exclusive"), reverse: n.bool("reverse") }),
};
