/** Fully connected layers and matrix products. */
import { sizeOf } from "../../ir/graph.ts";
import { noClamp, type Hybrid } from "../../ir/ops.ts";
import { bias } from "./convolution.ts";
import { clampOf, type OperatorTable, type TfliteNode } from "./node.ts";
import { options, shuffledWeights } from "./schema.ts";
import { show } from "./tensors.ts";

export const denses: OperatorTable = { FULLY_CONNECTED: fullyConnected, BATCH_MATMUL: batchMatMul };

/** x [...] read as [N,I] · w [O,I] · b [O]? → [N,O], or [...,O] where the option keeps the leading axes. */
function fullyConnected(n: TfliteNode): void {
  const o = options.fullyConnected(n.operator);
  if (o.weightsFormat === shuffledWeights) {
    n.fail("its weights are shuffled for another kernel, expected plain ones", "Export without the shuffled weights format.");
  }
  const [O, I] = n.ranked(n.stored(1), 2, "weight tensor") as [number, number];
  const clamp = clampOf(n, o.activation);
  if (!n.isFixed(1)) return computed(n, rows(n, n.real(0), I, o.keepNumDims), clamp);
  const x = rows(n, n.input(0), I, o.keepNumDims), isHybrid = n.isHybrid(1), w = isHybrid ? n.stored(1) : n.input(1);
  n.emit("dense", n.has(2) ? [x, w, bias(n, 2, O)] : [x, w], { clamp, ...(isHybrid && hybrid(o.asymmetric)) });
}

export const hybrid = (asymmetric: boolean): { hybrid: Hybrid } => ({ hybrid: asymmetric ? "asymmetric" : "symmetric" });

/** `x` with rows of I values. */
function rows(n: TfliteNode, x: string, I: number, keep: boolean): string {
  const shape = n.shape(x), size = sizeOf(shape);
  if (I < 1 || size % I) n.damaged(`input ${show(shape)} does not divide into rows of ${I}`);
  if (keep && shape.at(-1) !== I) n.damaged(`input ${show(shape)} does not end in the ${I} columns of the weights`);
  return keep ? x : n.reshape(x, [size / I, I]);
}

/** Weights that the model computes. */
function computed(n: TfliteNode, x: string, clamp: [number, number]): void {
  const product = n.step("matmul", [x, n.transpose(n.real(1), [1, 0])], {});
  if (n.has(2)) n.emit("add", [product, n.real(2)], { clamp });
  else n.emit("clip", [product], { alpha: clamp[0], beta: clamp[1] });
}

/** a [...,M,K] · b [...,K,N], each perhaps with its last axes swapped. */
function batchMatMul(n: TfliteNode): void {
  const o = options.batchMatMul(n.operator), weights = n.stored(1);
  if (n.shape(weights).length === 2 && n.isHybrid(1)) n.emit("dense", [swapped(n, n.stored(0), o.transposeX), swapped(n, weights, !o.transposeY)], { clamp: noClamp, ...hybrid(o.asymmetric) });
  else n.emit("matmul", [swapped(n, n.input(0), o.transposeX), swapped(n, n.input(1), o.transposeY)], {});
}

function swapped(n: TfliteNode, x: string, swap: boolean): string {
  const rank = n.shape(x).length;
  if (rank < 2) n.damaged(`input has shape ${show(n.shape(x))}, expected two axes or more`);
  return swap ? n.transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2]) : x;
}
