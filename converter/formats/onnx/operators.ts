/** All operators by domain, and why the others are not among them. */
import { attending } from "./attention.ts";
import { contrib } from "./contrib.ts";
import { control } from "./control.ts";
import { convolution } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import { indexing } from "./indexing.ts";
import { linear } from "./linear.ts";
import { losses } from "./loss.ts";
import { machineLearning } from "./ml.ts";
import type { Operator, Operators } from "./node.ts";
import { normalization, normalizationContrib } from "./normalization.ts";
import { optimizers } from "./optimizer.ts";
import { pooling } from "./pooling.ts";
import { quantized, quantizedContrib } from "./quantized.ts";
import { recurrent, recurrentContrib } from "./recurrent.ts";
import { reducing } from "./reduce.ts";
import { resizing } from "./resize.ts";
import { shaping } from "./shape.ts";
import { signal } from "./signal.ts";

const standard: Operators = {
  ...elementwise, ...shaping, ...indexing, ...reducing, ...linear, ...convolution, ...pooling, ...normalization, ...resizing, ...recurrent, ...quantized,
  ...losses, ...signal, ...attending, ...control,
};

const tables: Record<string, Operators> = {
  "": standard,
  "ai.onnx.preview.training": optimizers,
  "ai.onnx.ml": machineLearning,
  "com.microsoft": { ...quantizedContrib, ...recurrentContrib, ...normalizationContrib, ...contrib },
};

/** The default domain has two names. */
export const domainOf = (domain: string | undefined): string => (!domain || domain === "ai.onnx" ? "" : domain);

const own = (table: Operators, name: string): Operator | undefined => (Object.hasOwn(table, name) ? table[name] : undefined);

export const operatorOf = (domain: string, op: string): Operator | undefined => (Object.hasOwn(tables, domain) ? own(tables[domain]!, op) : undefined);

/** Names of all operators by domain, for `docs/onnx.md`. */
export const operatorNames = (): Record<string, string[]> => Object.fromEntries(Object.entries(tables).map(([domain, table]) => [domain || "ai.onnx", Object.keys(table).sort()]));

const reasons: [RegExp, string][] = [
  [/^(Sequence|SplitToSequence|ConcatFromSequence|Optional$)/, "works on sequences of tensors"],
  [/^(String|Regex|TfIdf)|Vectorizer|CategoryMapper/, "works on text"],
  [/^(Random|Multinomial|Bernoulli)/, "draws random numbers"],
  [/^(NonMaxSuppression|RoiAlign|MaxRoiPool)/, "belongs behind the model: its result depends on the data in size or in place"],
  [/^Tree|^SVM/, "is no neural network"],
];

export const whyNot = (op: string): string => reasons.find(([pattern]) => pattern.test(op))?.[1] ?? "";
