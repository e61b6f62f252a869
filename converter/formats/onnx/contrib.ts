/** com.microsoft: what onnxruntime's optimizer writes into saved models. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { UnaryOp } from "../../ir/ops.ts";
import { convolve } from "./convolution.ts";
import { gemm, matMul } from "./linear.ts";
import { entry } from "../wire/json.ts";
import type { Operator, Operators, OnnxNode } from "./node.ts";
import { add, affine, range, rankOf, transpose, unary } from "./write.ts";

const activations: Record<string, UnaryOp> = { Sigmoid: "sigmoid", Tanh: "tanh", LeakyRelu: "leakyRelu", HardSigmoid: "hardSigmoid" };

function activated(n: OnnxNode, g: GraphBuilder, x: string): string {
  const name = n.string("activation", ""), [alpha = 0, beta = 0] = n.floats("activation_params") ?? [];
  if (!name) return x;
  if (name === "Relu") return unary(g, "clip", x, 0, Infinity);
  if (name === "Clip") return unary(g, "clip", x, alpha, beta);
  return unary(g, entry(activations, name) ?? g.fail(`activation "${name}" is not supported`), x, alpha, beta);
}

/** Conv, then the sum with a fourth input, then an activation. */
function fusedConv(n: OnnxNode, g: GraphBuilder): string {
  const y = convolve(n, g, n.input(0), n.input(1), n.optional(2));
  return activated(n, g, n.optional(3) ? add(g, y, n.input(3)) : y);
}

/** FusedGemm names the parameters of its activation one by one. */
function fusedGemm(n: OnnxNode, g: GraphBuilder): string {
  const y = gemm(n, g), name = n.string("activation", ""), alpha = n.float("activation_alpha", 0.01);
  if (name === "LeakyRelu" || name === "Elu") return unary(g, name === "Elu" ? "elu" : "leakyRelu", y, alpha);
  return activated(n, g, y);
}

function fusedMatMul(n: OnnxNode, g: GraphBuilder): string {
  n.expect({ transBatchA: 0, transBatchB: 0 });
  const swapped = (x: string, swap: number) => {
    const rank = rankOf(g, x);
    return swap ? transpose(g, x, [...range(rank - 2), rank - 1, rank - 2]) : x;
  };
  const y = matMul(g, swapped(n.input(0), n.int("transA", 0)), swapped(n.input(1), n.int("transB", 0))), alpha = n.float("alpha", 1);
  return alpha === 1 ? y : affine(g, y, alpha, 0);
}

const withBias = (op: UnaryOp): Operator => (n, g) => unary(g, op, n.optional(1) ? add(g, n.input(0), n.input(1)) : n.input(0));

export const contrib: Operators = {
  FusedConv: fusedConv, FusedGemm: fusedGemm, FusedMatMul: fusedMatMul, TransposeMatMul: fusedMatMul,
  Gelu: withBias("gelu"), BiasGelu: withBias("gelu"), FastGelu: withBias("geluTanh"),
  QuickGelu: (n, g) => unary(g, "swish", n.input(0), n.float("alpha", 1.702)),
};
