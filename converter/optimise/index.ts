/** The order of the rewrites. Each file states its rewrite as a formula; here they run in turn until nothing is found. */
import type { Graph } from "../ir/graph.ts";
import { columnsToRows } from "./columns-to-rows.ts";
import { commonSubexpressions } from "./common-subexpressions.ts";
import { deadCode } from "./dead-code.ts";
import { dropZeroStates } from "./drop-zero-states.ts";
import { foldBatchnorm } from "./fold-batchnorm.ts";
import { foldConstants } from "./fold-constants.ts";
import { fuseActivation } from "./fuse-activation.ts";
import { fuseAffine } from "./fuse-affine.ts";
import { fuseAffineBefore } from "./fuse-affine-before.ts";
import { fuseClamp } from "./fuse-clamp.ts";
import { fuseNormalize } from "./fuse-normalize.ts";
import { fusePadding } from "./fuse-padding.ts";
import { gatherToSlice } from "./gather-to-slice.ts";
import { matmulToDense } from "./matmul-to-dense.ts";
import { meanToPool } from "./mean-to-pool.ts";
import { mergeReshapes } from "./merge-reshapes.ts";
import { transposeToReshape } from "./layout/merge-transposes.ts";
import { nchwToNhwc } from "./nchw-to-nhwc.ts";
import { removeIdentities } from "./remove-identities.ts";
import { applyRewrites, type Rewrite } from "./rewriter.ts";
import { scalarArithmetic } from "./scalar-arithmetic.ts";
import { scaleToDepthwise } from "./scale-to-depthwise.ts";

const tidy: Rewrite[] = [deadCode, foldConstants, mergeReshapes, removeIdentities, dropZeroStates, commonSubexpressions];
const arithmetic: Rewrite[] = [
  gatherToSlice, scalarArithmetic, matmulToDense, foldBatchnorm, fuseAffine, fuseNormalize, fuseActivation, fuseClamp, fusePadding,
];
/** Only when nothing else is left to do: a transpose may still meet its like, a mean be part of a normalization. */
const late: Rewrite[] = [transposeToReshape, fuseAffineBefore, meanToPool];
/** And then: a scale may still have reached a layer before or behind it. */
const last: Rewrite[] = [scaleToDepthwise, columnsToRows];

/** Every round finds something that the one before made possible; real models need about five. */
const mostRounds = 24;

/**
 * Rewrites a float graph into a smaller one that computes the same, to float rounding. Quantized tensors keep their
 * integers: only what moves data is rewritten among them. Inputs, outputs and states keep names, shapes and order.
 * @returns a new graph; `graph` is unchanged, the data of untouched constants is shared
 */
export function optimise(graph: Graph): Graph {
  const first = [...tidy, ...nchwToNhwc, ...arithmetic];
  const phases = [first, [...first, ...late], [...first, ...late, ...last]];
  return phases.reduce((g, rewrites) => applyRewrites(g, rewrites, mostRounds), graph);
}
