/** Activations by name and as layers. */
import type { RecurrentActivation } from "../../ir/ops.ts";
import { affine, binary, mul, reduce, relu, sub, unary, sliceAxis, axisOf, rankOf } from "../onnx/write.ts";
import { isCustom } from "./model.ts";
import { entry, isObject, type Json } from "../wire/json.ts";
import { constantOf, single, variablesOf, type Layer, type LayerFunction } from "./layer.ts";

const of = (fn: RecurrentActivation["fn"], alpha = 0, beta = 0): RecurrentActivation => ({ fn, alpha, beta });

/** Functions of one element. hard_sigmoid is apart: its slope depends on the version. */
const elementwise: Record<string, RecurrentActivation> = {
  linear: of("affine", 1, 0), relu: of("clip", 0, Infinity), relu6: of("clip", 0, 6), hard_tanh: of("clip", -1, 1),
  leaky_relu: of("leakyRelu", 0.2), elu: of("elu", 1), selu: of("selu", 1.6732632423543772, 1.0507009873554805), celu: of("celu", 1),
  sigmoid: of("sigmoid"), tanh: of("tanh"), hard_silu: of("hardSwish"), hard_swish: of("hardSwish"), silu: of("swish", 1), swish: of("swish", 1),
  gelu: of("gelu"), gelu_new: of("geluTanh"), mish: of("mish"), softplus: of("softplus"), softsign: of("softsign"), exponential: of("exp"),
};

/** Activations of several nodes. */
const composed: Record<string, (l: Layer, x: string) => string> = {
  softmax: (l, x) => l.g.add("softmax", [x], { axis: rankOf(l.g, x) - 1 }),
  log_softmax: (l, x) => l.g.add("logSoftmax", [x], { axis: rankOf(l.g, x) - 1 }),
  log_sigmoid: (l, x) => unary(l.g, "neg", unary(l.g, "softplus", unary(l.g, "neg", x))),
  squareplus: (l, x) => affine(l.g, binary(l.g, "add", x, unary(l.g, "sqrt", affine(l.g, mul(l.g, x, x), 1, 4))), 0.5, 0),
  tanh_shrink: (l, x) => sub(l.g, x, unary(l.g, "tanh", x)),
  glu: (l, x) => {
    const axis = rankOf(l.g, x) - 1, half = Math.floor(l.g.shape(x)[axis]! / 2);
    return mul(l.g, sliceAxis(l.g, x, axis, 0, half), unary(l.g, "sigmoid", sliceAxis(l.g, x, axis, half, half)));
  },
};

/** Keras 2 and TF.js: clip(0.2 x + 0.5, 0, 1); Keras 3: clip(x / 6 + 0.5, 0, 1). */
const hardSigmoid = (keras: number) => (keras >= 3 ? of("hardSigmoid", 1 / 6, 0.5) : of("hardSigmoid", 0.2, 0.5));

/** The name in a configuration: a text, or the function serialized. */
function nameOf(l: Layer, key: string): string {
  const json = l.config.json(key);
  if (json === undefined || json === null) return "linear";
  if (isObject(json) && isCustom(json)) return refuse(l, key, json);
  if (isObject(json) && json.class_name === "function" && typeof json.config === "string") return json.config;
  return typeof json === "string" ? json : refuse(l, key, json);
}

const refuse = (l: Layer, key: string, json: Json): never =>
  l.g.fail(`${key} is ${JSON.stringify(isObject(json) ? String(json.registered_name ?? json.config ?? json.class_name) : json)}, which is no built-in activation`,
    "Use one of Keras' own activations and save the model again.");

/** The activation that a configuration names, for use inside a recurrent step. */
export function recurrentActivation(l: Layer, key: string, otherwise: string): RecurrentActivation {
  const name = l.config.has(key) ? nameOf(l, key) : l.config.json(key) === null ? "linear" : otherwise;
  if (name === "hard_sigmoid") return hardSigmoid(l.context.keras);
  return entry(elementwise, name) ?? refuse(l, key, name);
}

/** x behind the activation that `key` names; a layer as activation is applied as one. */
export function activate(l: Layer, x: string, key = "activation"): string {
  const json = l.config.json(key);
  if (isObject(json) && json.class_name !== "function" && isObject(json.config)) return l.inner(json, key, [x])[0]!;
  const name = nameOf(l, key);
  if (name === "linear") return x;
  const f = name === "hard_sigmoid" ? hardSigmoid(l.context.keras) : entry(elementwise, name);
  return f ? unary(l.g, f.fn, x, f.alpha, f.beta) : (entry(composed, name) ?? refuse(l, key, name))(l, x);
}

export const activations: Record<string, LayerFunction> = {
  Activation: (l, inputs) => activate(l, single(l, inputs)),
  ReLU: reluLayer,
  LeakyReLU: (l, inputs) => unary(l.g, "leakyRelu", single(l, inputs), l.config.number("negative_slope", l.config.number("alpha", 0.3))),
  ELU: (l, inputs) => unary(l.g, "elu", single(l, inputs), l.config.number("alpha", 1)),
  ThresholdedReLU: (l, inputs) => unary(l.g, "thresholdedRelu", single(l, inputs), l.config.number("theta", 1)),
  PReLU: prelu,
  Softmax: softmax,
};

/** max_value at most; below threshold negative_slope · (x − threshold). */
function reluLayer(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), slope = l.config.number("negative_slope", 0), threshold = l.config.number("threshold", 0);
  const most = l.config.number("max_value", Infinity);
  if (threshold === 0 && slope === 0) return unary(l.g, "clip", x, 0, most);
  const above = threshold === 0 ? unary(l.g, "leakyRelu", x, slope) : unary(l.g, "thresholdedRelu", x, threshold);
  const below = threshold === 0 || slope === 0 ? above : sub(l.g, above, affine(l.g, relu(l.g, affine(l.g, x, -1, threshold)), slope, 0));
  return most === Infinity ? below : unary(l.g, "clip", below, -Infinity, most);
}

/** alpha has the shape of one sample, 1 along the shared axes. */
function prelu(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), { alpha } = variablesOf(l, { alpha: l.g.shape(x).slice(1).map(() => -1) });
  return binary(l.g, "prelu", x, constantOf(l, alpha));
}

function softmax(l: Layer, inputs: string[]): string {
  const x = inputs[0]!, axis = l.config.json("axis");
  const axes = (Array.isArray(axis) ? axis : [axis ?? -1]).map((a) => axisOf(l.g, Number(a), rankOf(l.g, x)));
  if (inputs.length > 1 || l.context.masks.has(x)) l.g.fail("it has a mask", "Apply the mask outside of the model.");
  if (axes.length === 1) return l.g.add("softmax", [x], { axis: axes[0]! });
  const e = unary(l.g, "exp", sub(l.g, x, reduce(l.g, "reduceMax", x, axes, true)));
  return binary(l.g, "div", e, reduce(l.g, "reduceSum", e, axes, true));
}
