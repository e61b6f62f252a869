/** Convolutions, products and pooling, also fused with what follows. Data are [N,H,W,C], kernels [kh,kw,in,out]. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { noClamp } from "../../ir/ops.ts";
import { padding, type Window } from "../keras/spatial.ts";
import { permuteWeights } from "../onnx/spatial.ts";
import { add, axisOf, binary, matmul, range, rankOf, reshape, transpose, unary, valuesOf } from "../onnx/write.ts";
import type { Operator, TfNode } from "./node.ts";

export const convolutions: Record<string, Operator> = {
  Conv2D: (n, g) => conv(n, g), _FusedConv2D: (n, g) => fused(n, g, conv(n, g)), FusedConv2D: (n, g) => fused(n, g, conv(n, g)),
  DepthwiseConv2dNative: (n, g) => depthwise(n, g), DepthwiseConv2d: (n, g) => depthwise(n, g),
  FusedDepthwiseConv2dNative: (n, g) => fused(n, g, depthwise(n, g)), _FusedDepthwiseConv2dNative: (n, g) => fused(n, g, depthwise(n, g)),
  Conv2DBackpropInput: transposed, MatMul: product, _FusedMatMul: (n, g) => fused(n, g, product(n, g)),
  BatchMatMul: batchProduct, BatchMatMulV2: batchProduct, BiasAdd: (n, g) => add(g, n.input(0), n.input(1)), FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm, FusedBatchNormV3: batchNorm,
  MaxPool: pool, AvgPool: pool,
};

function checkLayout(n: TfNode, g: GraphBuilder): void {
  const layout = n.string("data_format", "NHWC");
  if (layout !== "NHWC") g.fail(`data_format is ${layout}, expected NHWC`, "Export the model with channels last.");
}

/** Two of [N,H,W,C], in rows and columns. */
function spatial(n: TfNode, g: GraphBuilder, name: string): number[] {
  const all = n.ints(name) ?? [1, 1, 1, 1];
  if (all.length !== 4 || all[0] !== 1 || all[3] !== 1 || all.some((v) => v < 1)) {
    g.fail(`${name} is [${all.join(",")}], expected [1,rows,columns,1]`, "", "ERR_OCTAVO_SHAPE");
  }
  return all.slice(1, 3);
}

function windowOf(n: TfNode, g: GraphBuilder, sizes: number[], kernel: number[]): Omit<Window, "kernel"> {
  checkLayout(n, g);
  const window = { kernel, stride: spatial(n, g, "strides"), dilation: spatial(n, g, "dilations") }, mode = n.string("padding", "VALID");
  const { stride, dilation } = window;
  if (mode === "EXPLICIT") {
    const [, , top, bottom, left, right] = n.ints("explicit_paddings") ?? [];
    return { stride, dilation, pad: [top ?? 0, left ?? 0, bottom ?? 0, right ?? 0] };
  }
  if (mode !== "SAME" && mode !== "VALID") g.fail(`padding is ${mode}, expected SAME or VALID`);
  return { stride, dilation, pad: padding(mode === "SAME" ? "same" : "valid", sizes, window) };
}

function ranked(g: GraphBuilder, x: string, rank: number): number[] {
  const shape = g.shape(x);
  return shape.length === rank ? shape : g.fail(`found [${shape.join(",")}], expected ${rank} axes`, "", "ERR_OCTAVO_SHAPE");
}

function conv(n: TfNode, g: GraphBuilder): string {
  const [x, w] = [n.input(0), n.input(1)], [, H, W, C] = ranked(g, x, 4) as [number, number, number, number];
  const [kh, kw, per] = ranked(g, w, 4) as [number, number, number];
  const window = windowOf(n, g, [H, W], [kh, kw]);
  return g.add("conv2d", [x, permuteWeights(g, w, [3, 0, 1, 2])], { ...window, groups: C / per, clamp: noClamp });
}

/** Kernel [kh,kw,C,M]: output channel c · M + m. */
function depthwise(n: TfNode, g: GraphBuilder): string {
  const [x, w] = [n.input(0), n.input(1)], [, H, W] = ranked(g, x, 4) as [number, number, number];
  const [kh, kw, C, M] = ranked(g, w, 4) as [number, number, number, number];
  const turned = permuteWeights(g, w, [2, 3, 0, 1]), known = g.graph.tensors.get(turned)!.data, shape = [C * M, kh, kw, 1];
  const weights = known ? g.constant(turned, "float32", shape, known) : reshape(g, turned, shape);
  return g.add("conv2d", [x, weights], { ...windowOf(n, g, [H, W], [kh, kw]), groups: C, clamp: noClamp });
}

/** Inputs: size of the result, kernel [kh,kw,out,in], x. The padding is that of a convolution from the result to x. */
function transposed(n: TfNode, g: GraphBuilder): string {
  const size = valuesOf(g, n.input(0), "the size of the result").slice(1, 3), [w, x] = [n.input(1), n.input(2)];
  const [kh, kw] = ranked(g, w, 4) as [number, number];
  const { stride, dilation, pad } = windowOf(n, g, size, [kh, kw]), sizes = ranked(g, x, 4).slice(1, 3);
  const full = sizes.map((d, i) => (d - 1) * stride[i]! + ([kh, kw][i]! - 1) * dilation[i]! + 1), rest = size.map((s, i) => full[i]! - pad[i]! - s);
  return g.add("convTranspose2d", [x, permuteWeights(g, w, [2, 0, 1, 3])],
    { stride, dilation, pad: [pad[0]!, pad[1]!, ...rest.map((r) => Math.max(0, r))], outputPadding: rest.map((r) => Math.max(0, -r)), groups: 1,
      clamp: noClamp });
}

/** x [M,K] · w [K,N], either one transposed. */
function product(n: TfNode, g: GraphBuilder): string {
  const x = n.bool("transpose_a") ? transpose(g, n.input(0), [1, 0]) : n.input(0), w = n.input(1);
  if (g.graph.tensors.get(w)!.data === undefined) return matmul(g, x, n.bool("transpose_b") ? transpose(g, w, [1, 0]) : w);
  ranked(g, w, 2);
  return g.add("dense", [x, n.bool("transpose_b") ? w : permuteWeights(g, w, [1, 0])], { clamp: noClamp });
}

function batchProduct(n: TfNode, g: GraphBuilder): string {
  const turned = (x: string, adjoint: boolean) => (adjoint ? transpose(g, x, [...range(rankOf(g, x) - 2), rankOf(g, x) - 1, rankOf(g, x) - 2]) : x);
  return matmul(g, turned(n.input(0), n.bool("adj_x")), turned(n.input(1), n.bool("adj_y")));
}

function batchNorm(n: TfNode, g: GraphBuilder): string {
  checkLayout(n, g);
  if (n.bool("is_training")) g.fail("it is in training mode", "Export the model for inference.");
  const [x, scale, offset, mean, variance] = [0, 1, 2, 3, 4].map((i) => n.input(i)) as [string, string, string, string, string];
  return g.add("batchNorm", [x, scale, offset, mean, variance], { axis: axisOf(g, -1, rankOf(g, x)), epsilon: n.float("epsilon", 1e-4) });
}

function pool(n: TfNode, g: GraphBuilder): string {
  const x = n.input(0), [, H, W] = ranked(g, x, 4) as [number, number, number], kernel = spatial(n, g, "ksize");
  const window = { ...windowOf(n, g, [H, W], kernel), kernel, clamp: noClamp };
  return n.op === "MaxPool" ? g.add("maxPool2d", [x], window) : g.add("averagePool2d", [x], { ...window, countIncludePad: false });
}

/** What was fused behind a product, in order; its operands follow the two of the product. */
function fused(n: TfNode, g: GraphBuilder, y: string): string {
  let next = 2;
  const apply: Record<string, (y: string) => string> = {
    BiasAdd: (y) => add(g, y, n.input(next++)), Relu: (y) => unary(g, "clip", y, 0, Infinity), Relu6: (y) => unary(g, "clip", y, 0, 6),
    Elu: (y) => unary(g, "elu", y, 1),
    Prelu: (y) => binary(g, "prelu", y, n.input(next++)), LeakyRelu: (y) => unary(g, "leakyRelu", y, n.float("leakyrelu_alpha", 0.2)),
    Sigmoid: (y) => unary(g, "sigmoid", y), Tanh: (y) => unary(g, "tanh", y),
    FusedBatchNorm: (y) => g.add("batchNorm", [y, ...range(4).map(() => n.input(next++))],
      { axis: rankOf(g, y) - 1, epsilon: n.float("epsilon", 1e-4) }),
  };
  return n.strings("fused_ops").reduce((x, name) =>
    (Object.hasOwn(apply, name) ? apply[name]!(x) : g.fail(`it is fused with ${name}`, "Convert the model without optimisation.")), y);
}
