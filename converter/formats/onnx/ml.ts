/** ai.onnx.ml: what scikit-learn's scalers, linear models and neural networks are written with. Labels must be numbers. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Operators, OnnxNode } from "./node.ts";
import {
  affine, binary, cast, constant, damaged, div, dtypeOf, expand, misfit, mul, range, rankOf, reduce, reshape, scalar, sub, toFloat, unary, where,
} from "./write.ts";

/** One value for all columns, or one per column. */
const columns = (g: GraphBuilder, stem: string, values: number[]): string => constant(g, stem, "float32", values, values.length === 1 ? [] : [values.length]);

/** (x − offset) · scale */
function scaler(n: OnnxNode, g: GraphBuilder): string {
  const x = toFloat(g, n.input(0)), offset = n.floats("offset"), scale = n.floats("scale");
  const centred = offset ? sub(g, x, columns(g, "offset", offset)) : x;
  return scale ? mul(g, centred, columns(g, "scale", scale)) : centred;
}

/** Replaces a marker, NaN mostly, by a value per column. */
function imputer(n: OnnxNode, g: GraphBuilder): string {
  const x = toFloat(g, n.input(0)), values = n.floats("imputed_value_floats") ?? n.ints("imputed_value_int64s") ?? damaged(g, "it has no values");
  const marker = n.has("replaced_value_float") ? n.float("replaced_value_float") : n.has("replaced_value_int64") ? n.int("replaced_value_int64") : NaN;
  const missing = Number.isNaN(marker) ? unary(g, "isNan", x) : binary(g, "equal", x, scalar(g, marker));
  return where(g, missing, columns(g, "imputed", values), x);
}

const binarizer = (n: OnnxNode, g: GraphBuilder): string => cast(g, binary(g, "greater", n.input(0), scalar(g, n.float("threshold", 0), dtypeOf(g, n.input(0)))), dtypeOf(g, n.input(0)));

/** Rows divided by their largest, L1 or L2 norm. */
function normalizer(n: OnnxNode, g: GraphBuilder): string {
  const x = toFloat(g, n.input(0)), norm = n.string("norm", "MAX"), axes = [rankOf(g, x) - 1], magnitude = unary(g, "abs", x);
  if (norm === "MAX") return div(g, x, reduce(g, "reduceMax", magnitude, axes, true));
  if (norm === "L1") return div(g, x, reduce(g, "reduceL1", x, axes, true));
  return norm === "L2" ? div(g, x, reduce(g, "reduceL2", x, axes, true)) : g.fail(`norm is "${norm}", expected MAX, L1 or L2`);
}

/** Takes columns by index: the last axis. */
function arrayFeatureExtractor(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), indices = n.input(1), rank = rankOf(g, x), count = g.shape(indices).reduce((a, d) => a * d, 1);
  const wide = rank === 1 ? reshape(g, x, [1, ...g.shape(x)]) : x;
  return g.add("gather", [wide, reshape(g, indices, [count])], { axis: rankOf(g, wide) - 1 });
}

function featureVectorizer(n: OnnxNode, g: GraphBuilder): string {
  const parts = n.inputs.map((_, i) => toFloat(g, n.input(i))).map((x) => (rankOf(g, x) === 1 ? reshape(g, x, [g.shape(x)[0]!, 1]) : x));
  return g.add("concat", parts, { axis: 1 });
}

/** x · wᵀ + b, with w [targets,columns] as a flat attribute. */
function linearScores(n: OnnxNode, g: GraphBuilder, targets: number): string {
  const x = toFloat(g, n.input(0)), coefficients = n.floats("coefficients") ?? [], inputs = coefficients.length / targets;
  const bias = n.floats("intercepts");
  if (!Number.isInteger(inputs) || g.shape(x).at(-1) !== inputs)
    misfit(g, `${coefficients.length} coefficients do not fit ${g.shape(x).at(-1)} columns and ${targets} results`);
  const w = constant(g, "coefficients", "float32", coefficients, [targets, inputs]);
  return g.add("dense", [x, w, ...(bias ? [constant(g, "intercepts", "float32", bias)] : [])], { clamp: [-Infinity, Infinity] });
}

function transformed(n: OnnxNode, g: GraphBuilder, scores: string): string {
  const kind = n.string("post_transform", "NONE");
  if (kind === "NONE") return scores;
  if (kind === "LOGISTIC") return unary(g, "sigmoid", scores);
  return kind === "SOFTMAX" ? g.add("softmax", [scores], { axis: rankOf(g, scores) - 1 }) : g.fail(`post_transform is "${kind}", expected NONE, LOGISTIC or SOFTMAX`);
}

const linearRegressor = (n: OnnxNode, g: GraphBuilder): string => transformed(n, g, linearScores(n, g, n.int("targets", 1)));

/** Label and scores. One row of coefficients speaks for the second of two classes. */
function linearClassifier(n: OnnxNode, g: GraphBuilder): string[] {
  const labels = n.ints("classlabels_ints"), classes = labels?.length ?? n.strings("classlabels_strings")?.length ?? 2;
  const width = (n.floats("coefficients") ?? []).length;
  const single = classes === 2 && width === g.shape(n.input(0)).at(-1), scores = linearScores(n, g, single ? 1 : classes);
  const both = single ? twoSided(n, g, scores) : transformed(n, g, scores);
  const best = g.add("argMax", [both], { axis: 1, keepDims: false, selectLast: false });
  if (!labels && n.wants(0) && n.has("classlabels_strings")) return ["", both];
  return [labels ? g.add("gather", [constant(g, "labels", "int64", labels), best], { axis: 0 }) : best, both];
}

function twoSided(n: OnnxNode, g: GraphBuilder, scores: string): string {
  const kind = n.string("post_transform", "NONE"), second = kind === "LOGISTIC" ? unary(g, "sigmoid", scores) : scores;
  const first = kind === "LOGISTIC" ? affine(g, second, -1, 1) : affine(g, second, -1, 0), both = g.add("concat", [first, second], { axis: 1 });
  return kind === "SOFTMAX" ? g.add("softmax", [both], { axis: 1 }) : both;
}

/** A map from label to probability per sample: here the tensor of probabilities, in the order of the labels. */
const zipMap = (n: OnnxNode, g: GraphBuilder): string => (n.has("classlabels_strings") || n.has("classlabels_int64s") ? n.input(0) : damaged(g, "it has no labels"));

/** One number for another; what is not in the list becomes the default. */
function labelEncoder(n: OnnxNode, g: GraphBuilder): string {
  const keys = n.ints("keys_int64s") ?? n.floats("keys_floats"), values = n.ints("values_int64s") ?? n.floats("values_floats"), x = n.input(0);
  if (!keys || !values || keys.length !== values.length)
    return g.fail("its keys or values are text, expected numbers", "Encode labels as numbers before export.", "ERR_OCTAVO_DTYPE");
  const whole = n.has("values_int64s"), dtype = whole ? "int64" : "float32";
  const otherwise = whole ? n.int("default_int64", -1) : n.float("default_float", 0);
  const start = expand(g, scalar(g, otherwise, dtype), g.shape(x));
  return range(keys.length).reduce((y, i) => where(g, binary(g, "equal", x, scalar(g, keys[i]!, dtypeOf(g, x))), scalar(g, values[i]!, dtype), y), start);
}

/** One column per known category of numbers. */
function oneHotEncoder(n: OnnxNode, g: GraphBuilder): string {
  const categories = n.ints("cats_int64s") ?? g.fail("its categories are text, expected numbers", "Encode categories as numbers before export.", "ERR_OCTAVO_DTYPE");
  const x = n.input(0);
  return cast(g, binary(g, "equal", reshape(g, cast(g, x, "int64"), [...g.shape(x), 1]), constant(g, "categories", "int64", categories)), "float32");
}

export const machineLearning: Operators = {
  Scaler: scaler, Imputer: imputer, Binarizer: binarizer, Normalizer: normalizer, ArrayFeatureExtractor: arrayFeatureExtractor, FeatureVectorizer: featureVectorizer,
  LinearRegressor: linearRegressor, LinearClassifier: linearClassifier, ZipMap: zipMap, LabelEncoder: labelEncoder, OneHotEncoder: oneHotEncoder,
};
