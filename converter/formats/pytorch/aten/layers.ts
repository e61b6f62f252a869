/** Convolutions, products, normalization, pooling, recurrent layers and embeddings. */
import type { GraphBuilder } from "../../../ir/builder.ts";
import { einsum } from "../../onnx/linear.ts";
import { isWeight, permuteWeights } from "../../onnx/spatial.ts";
import { add, affine, axisOf, div, dtypeOf, matmul, mul, range, rankOf, reduce, reshape, transpose, unary } from "../../onnx/write.ts";
import type { AtenNode, Operator } from "../aten-node.ts";
import { adaptivePool, averagePool, batchNorm, convolution, dividedPool, groupNorm, layerNorm, linear, maxPool, perAxis, transposedConvolution,
  type Geometry } from "../emit.ts";
import { recurrent, type Cell, type Kind } from "../recurrent.ts";

export const layers: Record<string, Operator> = {
  conv1d: conv, conv2d: conv, conv_transpose1d: convTranspose, conv_transpose2d: convTranspose, convolution: either, _convolution: either,
  linear: (n, g) => product(g, n.tensor("input"), fixedWeight(n, g), n.optional("bias"), false),
  addmm: (n, g) => {
    if (n.number("alpha", 1) !== 1 || n.number("beta", 1) !== 1) g.fail("its alpha or beta is not 1", "Export the model without it.");
    const known = rankOf(g, n.tensor("self")) === 1, y = product(g, n.tensor("mat1"), n.tensor("mat2"), known ? n.tensor("self") : "", true);
    return known ? y : add(g, y, n.tensor("self"));
  },
  mm: (n, g) => product(g, n.tensor("self"), n.tensor("mat2"), "", true), bmm: (n, g) => matmul(g, n.tensor("self"), n.tensor("mat2")),
  matmul: matrixProduct,
  baddbmm: (n, g) => {
    const product = matmul(g, n.tensor("batch1"), n.tensor("batch2"));
    return add(g, affine(g, n.tensor("self"), n.number("beta", 1), 0), affine(g, product, n.number("alpha", 1), 0));
  },
  batch_norm: norm, _batch_norm_no_update: norm, cudnn_batch_norm: norm, native_batch_norm: norm, _native_batch_norm_legit_no_training: norm,
  _native_batch_norm_legit: (n, g) => (n.has("running_mean") ? norm(n, g) : [statisticsOfOne(n, g), null, null]),
  layer_norm: (n, g) => layerNorm(g, n.tensor("input"), n.ints("normalized_shape"), n.optional("weight"), n.optional("bias"), n.number("eps", 1e-5)),
  native_layer_norm: (n, g) => [layerNorm(g, n.tensor("input"), n.ints("normalized_shape"), n.optional("weight"), n.optional("bias"),
    n.number("eps", 1e-5)), null, null],
  group_norm: (n, g) => groupNorm(g, n.tensor("input"), n.int("num_groups"), n.optional("weight"), n.optional("bias"), n.number("eps", 1e-5)),
  native_group_norm: (n, g) => [groupNorm(g, n.tensor("input"), n.int("group"), n.optional("weight"), n.optional("bias"), n.number("eps", 1e-5)),
    null, null],
  instance_norm: instanceNorm, rms_norm: rmsNorm,
  max_pool1d: maxima, max_pool2d: maxima, max_pool2d_with_indices: (n, g) => [maxima(n, g), null],
  max_pool1d_with_indices: (n, g) => [maxima(n, g), null],
  avg_pool1d: average, avg_pool2d: average, avg_pool3d: averageOfDepth,
  adaptive_avg_pool1d: (n, g) => adaptivePool(g, n.tensor("self"), n.ints("output_size"), "average"),
  adaptive_avg_pool2d: (n, g) => adaptivePool(g, n.tensor("self"), n.ints("output_size"), "average"),
  _adaptive_avg_pool2d: (n, g) => adaptivePool(g, n.tensor("self"), n.ints("output_size"), "average"),
  adaptive_max_pool1d: (n, g) => [adaptivePool(g, n.tensor("self"), n.ints("output_size"), "max"), null],
  adaptive_max_pool2d: (n, g) => [adaptivePool(g, n.tensor("self"), n.ints("output_size"), "max"), null],
  embedding: (n, g) => g.add("gather", [n.tensor("weight"), n.tensor("indices")], { axis: 0 }),
  lstm: recurrentOf("lstm"), gru: recurrentOf("gru"), rnn_tanh: recurrentOf("rnn_tanh"), rnn_relu: recurrentOf("rnn_relu"),
  lstm_cell: step("lstm"), gru_cell: step("gru"), rnn_tanh_cell: step("rnn_tanh"), rnn_relu_cell: step("rnn_relu"),
  scaled_dot_product_attention: attention,
  einsum: (n, g) => einsum(g, n.string("equation", ""), n.tensors("tensors")),
  mv: (n, g) => reduce(g, "reduceSum", mul(g, n.tensor("self"), n.tensor("vec")), [1], false),
  dot: innerProduct, vdot: innerProduct, _weight_norm: weightNorm,
};

function innerProduct(n: AtenNode, g: GraphBuilder): string {
  return reduce(g, "reduceSum", mul(g, n.tensor("self"), n.tensor("other")), [0], false);
}

/** Both spatial axes, or one. `padding` may be a word. */
function geometryOf(n: AtenNode, g: GraphBuilder, x: string): Geometry {
  const ones = range(Math.max(1, rankOf(g, x) - 2)).map(() => 1), padding = n.get("padding");
  const pads = padding === "same" ? "same" : padding === "valid" ? ones.map(() => 0) : n.ints("padding", ones.map(() => 0));
  return { stride: n.ints("stride", ones), padding: pads, dilation: n.ints("dilation", ones) };
}

function conv(n: AtenNode, g: GraphBuilder): string {
  const x = n.tensor("input");
  return convolution(g, x, fixedWeight(n, g), n.optional("bias"), geometryOf(n, g, x), n.int("groups", 1));
}

function convTranspose(n: AtenNode, g: GraphBuilder): string {
  const x = n.tensor("input");
  return transposedConvolution(g, x, fixedWeight(n, g), n.optional("bias"), geometryOf(n, g, x), n.int("groups", 1), n.ints("output_padding", [0]));
}

function either(n: AtenNode, g: GraphBuilder): string {
  return n.bool("transposed") ? convTranspose(n, g) : conv(n, g);
}

/** x · w, or x · wᵀ where w is [O,I]; a constant w makes it a dense layer. */
function product(g: GraphBuilder, x: string, w: string, bias: string, turned: boolean): string {
  if (!isWeight(g, w) || rankOf(g, w) !== 2) {
    const y = matmul(g, x, turned ? w : transpose(g, w, [1, 0]));
    return bias ? add(g, y, bias) : y;
  }
  return linear(g, x, turned ? permuteWeights(g, w, [1, 0]) : w, bias);
}

/** Vectors are rows or columns whose axis falls away. */
function matrixProduct(n: AtenNode, g: GraphBuilder): string {
  const [a, b] = [n.tensor("self"), n.tensor("other")], [ra, rb] = [rankOf(g, a), rankOf(g, b)];
  if (ra >= 2 && rb === 2) return product(g, a, b, "", true);
  const y = matmul(g, ra === 1 ? reshape(g, a, [1, ...g.shape(a)]) : a, rb === 1 ? reshape(g, b, [...g.shape(b), 1]) : b), shape = g.shape(y);
  return reshape(g, y, shape.filter((_, i) => !(ra === 1 && i === shape.length - 2) && !(rb === 1 && i === shape.length - 1)));
}

/** Results beyond the first belong to training. */
function norm(n: AtenNode, g: GraphBuilder): string | [string, null, null, null] {
  const training = n.has("training") ? n.bool("training") : n.has("train") && n.bool("train");
  if (training || !n.has("running_mean")) g.fail("it is in training mode", "Call model.eval() before the export.");
  const y = batchNorm(g, n.tensor("input"), n.optional("weight"), n.optional("bias"), n.tensor("running_mean"), n.tensor("running_var"),
    n.number("eps", 1e-5));
  return n.results > 1 ? [y, null, null, null] : y;
}

/** Normalization by the statistics of the data: independent of the batch where there is one sample, which is how instance norm is written. */
function statisticsOfOne(n: AtenNode, g: GraphBuilder): string {
  const x = n.tensor("input"), [N, C] = g.shape(x) as [number, number];
  if (N !== 1) g.fail("it normalizes by the statistics of a batch", "Call model.eval() before the export.");
  return groupNorm(g, x, C, n.optional("weight"), n.optional("bias"), n.number("eps", 1e-5));
}

function instanceNorm(n: AtenNode, g: GraphBuilder): string {
  const x = n.tensor("input");
  if (!n.bool("use_input_stats", !n.has("running_mean"))) {
    return batchNorm(g, x, n.optional("weight"), n.optional("bias"), n.tensor("running_mean"), n.tensor("running_var"), n.number("eps", 1e-5));
  }
  return groupNorm(g, x, g.shape(x)[1]!, n.optional("weight"), n.optional("bias"), n.number("eps", 1e-5));
}

/** x / √(mean x² + ε) · w */
function rmsNorm(n: AtenNode, g: GraphBuilder): string {
  const x = n.tensor("input"), rank = rankOf(g, x), axes = range(rank).slice(rank - n.ints("normalized_shape").length);
  const y = div(g, x, unary(g, "sqrt", affine(g, reduce(g, "reduceMean", mul(g, x, x), axes, true), 1, n.number("eps", 1.1920928955078125e-7))));
  return n.has("weight") ? mul(g, y, n.tensor("weight")) : y;
}

const poolOf = (n: AtenNode) =>
  ({ kernel: n.ints("kernel_size"), stride: n.ints("stride", []), padding: n.ints("padding", [0]), dilation: n.ints("dilation", [1]),
    ceil: n.bool("ceil_mode") });

function maxima(n: AtenNode, g: GraphBuilder): string {
  return maxPool(g, n.tensor("self"), poolOf(n));
}

function average(n: AtenNode, g: GraphBuilder): string {
  if (n.has("divisor_override")) return dividedPool(g, n.tensor("self"), poolOf(n), n.number("divisor_override"));
  return averagePool(g, n.tensor("self"), poolOf(n), n.bool("count_include_pad", true));
}

/** Windows [k,1,1] over x [N,C,D,H,W], as local response normalization writes them. */
function averageOfDepth(n: AtenNode, g: GraphBuilder): string {
  const x = n.tensor("self"), shape = g.shape(x), of = (name: string, otherwise: number[]) => perAxis(n.ints(name, otherwise), 3);
  const kernel = of("kernel_size", [1]), stride = of("stride", kernel), padding = of("padding", [0]);
  if (shape.length !== 5 || [...kernel.slice(1), ...stride.slice(1)].some((v) => v !== 1) || padding[1] || padding[2]) {
    g.fail(`it pools [${shape.join(",")}] by windows of [${kernel.join(",")}], expected windows of [k,1,1]`, "Pool in two dimensions.");
  }
  const [N, C, D, H, W] = shape as [number, number, number, number, number], first = (v: number[], rest: number) => [v[0]!, rest];
  const pool = { kernel: first(kernel, 1), stride: first(stride, 1), padding: first(padding, 0), dilation: [1, 1], ceil: n.bool("ceil_mode") };
  const y = averagePool(g, reshape(g, x, [N, C, D, H * W]), pool, n.bool("count_include_pad", true));
  return reshape(g, y, [N, C, g.shape(y)[2]!, H, W]);
}

/** `params` lists per layer and direction w, r and, where there are any, both biases. */
function recurrentOf(kind: Kind): Operator {
  return (n, g) => {
    if (n.has("batch_sizes")) g.fail("it reads packed sequences", "Export the model for sequences of one length.");
    const biases = n.bool("has_biases", true), params = n.tensors("params"), directions = n.bool("bidirectional") ? 2 : 1, per = biases ? 4 : 2;
    const count = n.int("num_layers") * directions;
    if (params.length !== per * count) g.fail(`it has ${params.length} parameters, expected ${per * count}`, "Export it without proj_size.");
    const cells: Cell[] = range(count).map((i) =>
      ({ w: params[per * i]!, r: params[per * i + 1]!, wb: biases ? params[per * i + 2]! : "", rb: biases ? params[per * i + 3]! : "" }));
    const initial = kind === "lstm" ? n.tensors("hx") : [n.tensor("hx")];
    return recurrent(g, n.tensor("input"), { kind, cells, directions, batchFirst: n.bool("batch_first"), initial, stateful: n.stateful });
  };
}

/** One step of x [N,I]; results are the states [N,H]. */
function step(kind: Kind): Operator {
  return (n, g) => {
    const x = n.tensor("input"), [N, I] = g.shape(x) as [number, number], hx = kind === "lstm" ? n.tensors("hx") : [n.tensor("hx")];
    const cell = { w: n.tensor("w_ih"), r: n.tensor("w_hh"), wb: n.optional("b_ih"), rb: n.optional("b_hh") };
    const initial = hx.map((h) => reshape(g, h, [1, ...g.shape(h)]));
    const [, ...states] = recurrent(g, reshape(g, x, [1, N, I]), { kind, cells: [cell], directions: 1, batchFirst: false, initial, stateful: false });
    const flat = states.map((s) => reshape(g, s, g.shape(s).slice(1)));
    return kind === "lstm" ? flat : flat[0]!;
  };
}

/** g · v / |v|, a norm for each index of `dim`. */
function weightNorm(n: AtenNode, g: GraphBuilder): string {
  const v = n.tensor("v"), rank = rankOf(g, v), dim = axisOf(g, n.int("dim", 0), rank);
  return mul(g, v, div(g, n.tensor("g"), reduce(g, "reduceL2", v, range(rank).filter((i) => i !== dim), true)));
}

/** Weights that are computed from constants are constants. */
function fixedWeight(n: AtenNode, g: GraphBuilder): string {
  const w = n.tensor("weight");
  return isWeight(g, w) ? w : g.valueOf(w)?.name ?? w;
}

/** softmax(q · kᵀ · scale + mask) · v */
function attention(n: AtenNode, g: GraphBuilder): string {
  const [q, k, v] = [n.tensor("query"), n.tensor("key"), n.tensor("value")], rank = rankOf(g, q);
  const scale = n.number("scale", 1 / Math.sqrt(g.shape(q)[rank - 1]!));
  if (n.bool("is_causal")) g.fail("it is causal", "Pass a mask instead of is_causal.");
  const scores = affine(g, matmul(g, q, transpose(g, k, [...range(rank - 2), rank - 1, rank - 2])), scale, 0), mask = n.optional("attn_mask");
  if (mask && dtypeOf(g, mask) === "bool") g.fail("its mask is of truth values", "Pass a float mask.");
  return matmul(g, g.add("softmax", [mask ? add(g, scores, mask) : scores], { axis: rank - 1 }), v);
}

