/** The order of the rewrites. Each file states its rewrite as a formula; here they run in turn until nothing is found. */
import type { Graph } from "../ir/graph.ts";
import { commonSubexpressions } from "./common-subexpressions.ts";
import { deadCode } from "./dead-code.ts";
import { foldBatchnorm } from "./fold-batchnorm.ts";
import { foldConstants } from "./fold-constants.ts";
import { fuseActivation } from "./fuse-activation.ts";
import { fuseAffine } from "./fuse-affine.ts";
import { fuseClamp } from "./fuse-clamp.ts";
import { fuseNormalize } from "./fuse-normalize.ts";
import { fusePadding } from "./fuse-padding.ts";
import { gatherToSlice } from "./gather-to-slice.ts";
import { matmulToDense } from "./matmul-to-dense.ts";
import { meanToPool } from "./mean-to-pool.ts";
import { mergeReshapes } from "./merge-reshapes.ts";
import { nchwToNhwc } from "./nchw-to-nhwc.ts";
import { removeIdentities } from "./remove-identities.ts";
import { applyRewrites, type Rewrite } from "./rewriter.ts";
import { scalarArithmetic } from "./scalar-arithmetic.ts";
import { scaleToDepthwise } from "./scale-to-depthwise.ts";

const tidy: Rewrite[] = [deadCode, foldConstants, mergeReshapes, removeIdentities, commonSubexpressions];
const arithmetic: Rewrite[] = [gatherToSlice, scalarArithmetic, matmulToDense, foldBatchnorm, fuseAffine, fuseNormalize, fuseActivation, fuseClamp, fusePadding];
/** Only when nothing else is left to do: a scale may still reach a layer before it, a mean still be part of a normalization. */
const last: Rewrite[] = [scaleToDepthwise, meanToPool];

/** Every round finds something that the one before made possible; real models need about five. */
const mostRounds = 24;

/**
 * Rewrites a float graph into a smaller one that computes the same, to float rounding. Quantized tensors keep their
 * integers: only what moves data is rewritten among them. Inputs, outputs and states keep names, shapes and order.
 * @returns a new graph; `graph` is unchanged, the data of untouched constants is shared
 */
export function optimise(graph: Graph): Graph {
  const first = [...tidy, ...nchwToNhwc, ...arithmetic];
  return applyRewrites(applyRewrites(graph, first, mostRounds), [...first, ...last], mostRounds);
}
