/** Soft labels from a larger model. */
import { OctavoError } from "../errors.ts";
import type { Model } from "../model.ts";
import type { Named, Values } from "../values.ts";
import type { Dataset } from "./samples.ts";

export interface DistillOptions {
  /** The output of the teacher to learn from; default its first. */
  output?: string;
  /** What that output holds; default: probabilities where the teacher ends in a softmax. */
  gives?: "logits" | "probabilities";
}

/** Smallest probability that is taken for more than rounding: int8 outputs have steps of 2^-8. */
const LEAST = 2 ** -12;

/**
 * `x` with the teacher's logits as labels: for files converted with `--loss distillation`.
 * @param x one array, or arrays by the names of the teacher's inputs, which must be those of the student
 */
export function distill(teacher: Model, x: Values | Named, options: DistillOptions = {}): Dataset {
  const { output = teacher.outputs[0]!.name, gives = endsInSoftmax(teacher) ? "probabilities" : "logits" } = options;
  const named = ArrayBuffer.isView(x) ? { [teacher.inputs[0]!.name]: x } : x, answers = (teacher.run(named) as Named)[output];
  if (!answers) throw new OctavoError("ERR_OCTAVO_SHAPE", `distill: the teacher has no output "${output}", it has ${teacher.outputs.map((o) => o.name).join(", ")}.`);
  return { x, labels: gives === "logits" ? Float32Array.from(answers) : Float32Array.from(answers, (p) => logarithm(Math.max(p, LEAST))) };
}

const moves = ["quantize", "dequantize", "reshape", "transpose", "identity"];
const endsInSoftmax = ({ metadata }: Model): boolean => metadata.layers.findLast(({ op }) => !moves.includes(op))?.op === "softmax";

/** ln x for 2^-12 ≤ x, by x = m · 2^e and ln m = 2 artanh((m − 1) / (m + 1)): the same on every engine, which Math.log is not. */
function logarithm(x: number): number {
  let e = 0;
  for (; x < Math.SQRT1_2; e--) x *= 2;
  for (; x > Math.SQRT2; e++) x /= 2;
  const t = (x - 1) / (x + 1), square = t * t;
  let power = t, sum = 0;
  for (let n = 1; n <= 19; n += 2, power *= square) sum += power / n;
  return e * Math.LN2 + 2 * sum;
}
