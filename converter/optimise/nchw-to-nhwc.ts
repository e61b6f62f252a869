/**
 * Channels first → channels last. Readers of channels-first formats write transpose⁻¹(op(transpose(x))) around every
 * spatial operator; here transposes sink towards the outputs through whatever they can pass, meet and cancel, or go
 * into the columns of the weights behind them. What remains stands at inputs and outputs, or moves data for real.
 */
import { mergeTransposes, liftToConstants } from "./layout/merge-transposes.ts";
import { permuteColumns } from "./layout/permute-columns.ts";
import { sinkViews } from "./layout/sink-views.ts";
import { splitNormalize } from "./layout/split-normalize.ts";
import { liftTransposeAboveReshape, sinkTransposeBelowReshape } from "./layout/transpose-reshape.ts";
import type { Rewrite } from "./rewriter.ts";

export const nchwToNhwc: readonly Rewrite[] = [
  liftToConstants, mergeTransposes, splitNormalize, sinkViews, sinkTransposeBelowReshape, liftTransposeAboveReshape, permuteColumns,
];
