/** requantize between any two integer types, and piecewise linear functions of int16 → rescale. */
import { OctavoError } from "../ir/error.ts";
import { bytesOf, sizeOf, type Node } from "../ir/graph.ts";
import type { UnaryOp } from "../ir/ops.ts";
import type { LoweringContext, Params } from "./context.ts";
import { integerBounds, perTensorOf, quantizeMultiplier } from "./multipliers.ts";

type Slopes = [above: number, below: number];

/** y = slope · x, of numbers from 0 on and of those below. Source: TFLite activations.cc, quantize.cc. */
function slopesOf(node: Node<UnaryOp | "requantize">, sx: number, sy: number): Slopes {
  const same = Math.fround(sx / sy);
  if (node.op === "leakyRelu") return [same, Math.fround(Math.fround(sx * Math.fround(node.attributes.alpha)) / sy)];
  if (node.op === "clip") return [same, same];
  if (node.op === "abs") return [same, -same];
  if (node.op === "requantize") return [sx / sy, sx / sy];
  throw new OctavoError("ERR_OCTAVO_DTYPE", `${node.op} of int16 has no kernel.`);
}

export function rescale(node: Node<UnaryOp | "requantize">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], to = c.tensor(y), from = c.tensor(x), { scale, zeroPoint } = perTensorOf(from), out = perTensorOf(to);
  const clamp: [number, number] = node.op === "clip" ? [node.attributes.alpha, node.attributes.beta] : [-Infinity, Infinity];
  if (from.dtype.startsWith("u") || to.dtype.startsWith("u")) throw new OctavoError("ERR_OCTAVO_DTYPE", `${node.op} from ${from.dtype} to ${to.dtype} has no kernel.`);
  const [above, below] = slopesOf(node, scale, out.scale);
  c.call("rescale", {
    x: c.at(x), y: c.at(y), n: sizeOf(to.shape), from: bytesOf(from.dtype), to: bytesOf(to.dtype), zx: zeroPoint, zy: out.zeroPoint, ...integerBounds(to, clamp),
    ...factor(1, above), ...factor(2, below),
  }, ["y"]);
}

function factor(k: number, real: number): Params {
  const { multiplier, shift } = quantizeMultiplier(Math.abs(real));
  if (shift < -30) return { [`m${k}`]: 0, [`r${k}`]: 1, [`g${k}`]: 1 };
  return { [`m${k}`]: multiplier, [`r${k}`]: 2 ** (30 + Math.min(0, shift)), [`g${k}`]: Math.sign(real) * 2 ** Math.min(30, Math.max(0, shift)) };
}
