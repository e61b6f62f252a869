/**
 * Layer and instance normalization that come in parts: with d = x − mean(x) and v = mean(d · d), both over the same axes,
 *   d / √(v + ε), d · (1 / √(v + ε)) → normalize(x)
 *   x · g + (b − mean(x) · g), g = γ / √(v + ε) → normalize(x) · γ + b
 */
import type { Node } from "../ir/graph.ts";
import { isUnclamped, noClamp } from "../ir/ops.ts";
import type { Rewriter } from "./rewriter.ts";

export function fuseNormalize(rw: Rewriter, node: Node): void {
  if (!node.outputs[0] || !rw.isFloat(node.outputs[0])) return;
  if (node.op === "div") return direct(rw, node, node.inputs[0]!, rw.by(node.inputs[1], "sqrt")?.inputs[0]);
  if (node.op === "mul") for (const side of [0, 1]) direct(rw, node, node.inputs[side]!, rootInverse(rw, node.inputs[1 - side]));
  if (node.op === "add") for (const side of [0, 1]) expanded(rw, node, node.inputs[side]!, node.inputs[1 - side]!);
}

/** v + ε of 1 / √(v + ε). */
const rootInverse = (rw: Rewriter, name: string | undefined) => rw.by(rw.by(name, "reciprocal")?.inputs[0], "sqrt")?.inputs[0];

interface Moments { x: string; mean: string; axes: number[]; epsilon: number }

/** x, its mean and ε of v + ε, where v is the variance of x. */
function moments(rw: Rewriter, name: string | undefined): Moments | undefined {
  const shifted = rw.by(name, "affine"), variance = rw.by(shifted ? shifted.inputs[0] : name, "reduceMean");
  const square = rw.by(variance?.inputs[0], "mul");
  if (!variance || !square || square.inputs[0] !== square.inputs[1] || (shifted && shifted.attributes.alpha !== 1)) return undefined;
  const deviation = rw.by(square.inputs[0], "sub"), mean = rw.by(deviation?.inputs[1], "reduceMean");
  const [x] = mean?.inputs ?? [], axes = (n: Node<"reduceMean">) => [...n.attributes.axes].sort((a, b) => a - b).join();
  if (!x || deviation!.inputs[0] !== x || axes(mean!) !== axes(variance) || !mean!.attributes.keepDims || !variance.attributes.keepDims) return undefined;
  return { x, mean: mean!.outputs[0]!, axes: variance.attributes.axes, epsilon: shifted?.attributes.beta ?? 0 };
}

function direct(rw: Rewriter, node: Node<"div"> | Node<"mul">, deviation: string, squared: string | undefined): void {
  const m = moments(rw, squared), sub = rw.by(deviation, "sub");
  if (!m || sub?.inputs[0] !== m.x || sub.inputs[1] !== m.mean || !isUnclamped(node)) return;
  rw.become(node, "normalize", [m.x], { axes: m.axes, epsilon: m.epsilon });
}

/** `scaled` is x · g, `rest` is b − mean · g. */
function expanded(rw: Rewriter, node: Node<"add">, scaled: string, rest: string): void {
  const product = rw.by(scaled, "mul"), sub = rw.by(rest, "sub"), shift = rw.by(sub?.inputs[1], "mul");
  if (!product || !sub || !shift) return;
  const gain = product.inputs.find((name) => shift.inputs.includes(name)), factor = rw.by(gain, "mul");
  for (const side of factor ? [0, 1] : []) {
    const m = moments(rw, rootInverse(rw, factor!.inputs[side]));
    if (!m || !product.inputs.includes(m.x) || !shift.inputs.includes(m.mean)) continue;
    const normal = rw.add("normalize", [m.x], { axes: m.axes, epsilon: m.epsilon }, { stem: node.name });
    const y = rw.add("mul", [normal, factor!.inputs[1 - side]!], { clamp: noClamp }, { stem: node.name });
    return rw.become(node, "add", [y, sub.inputs[0]!], node.attributes);
  }
}
