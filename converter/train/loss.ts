/** What is minimized: the loss of the predictions of a batch, and its gradient. */
import { modelError } from "../ir/error.ts";
import type { LossKind } from "../ir/ops.train.ts";
import { producerOf, tensorOf, type Graph } from "../ir/graph.ts";

export type Labels = "index" | "values";

/** How the loss is computed; `parameter`: δ of huber, temperature of distillation. */
export interface Loss { kind: LossKind; labels: Labels; parameter: number }

/** The tensor that the loss reads, and the activation behind it that the loss contains. */
export interface Head { prediction: string; activation: "softmax" | "sigmoid" | "" }

/** @param twin with one output · @param output the twin of it */
export function headOf(twin: Graph, output: string, kind: LossKind | undefined): Head {
  const last = unrounded(twin, output), node = producerOf(twin, last);
  const inside = (op: "softmax" | "logSoftmax" | "sigmoid", kinds: readonly LossKind[]): Head | undefined =>
    node?.op === op && (!kind || kinds.includes(kind)) ? { prediction: node.inputs[0]!, activation: op === "sigmoid" ? op : "softmax" } : undefined;
  const classes = ["softmaxCrossEntropy", "distillation"] as const;
  return inside("softmax", classes) ?? inside("logSoftmax", classes) ?? inside("sigmoid", ["sigmoidCrossEntropy"]) ?? { prediction: output, activation: "" };
}

/** Rounding and views of a result change nothing that a loss sees. */
function unrounded(twin: Graph, name: string): string {
  const node = producerOf(twin, name);
  return node?.op === "fakeQuant" || node?.op === "reshape" ? unrounded(twin, node.inputs[0]!) : name;
}

/** Cross-entropy for what looks like classes, squares for a single number. */
export function defaultLoss(twin: Graph, { prediction, activation }: Head): LossKind {
  if (activation) return activation === "softmax" ? "softmaxCrossEntropy" : "sigmoidCrossEntropy";
  return tensorOf(twin, prediction).shape.at(-1)! > 1 ? "softmaxCrossEntropy" : "meanSquaredError";
}

export function lossOf(graph: Graph, kind: LossKind, labels: Labels | undefined, parameter: number | undefined): Loss {
  const classes = kind === "softmaxCrossEntropy" || kind === "negativeLogLikelihood";
  if (labels === "index" && !classes) throw modelError("ERR_OCTAVO_SHAPE", graph.format, `loss ${kind}`, "labels are class indices, expected values", "Use softmaxCrossEntropy for classes.");
  return { kind, labels: labels ?? (classes ? "index" : "values"), parameter: parameter ?? (kind === "distillation" ? 4 : 1) };
}
