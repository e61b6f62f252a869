/**
 * Recurrent layers in training, one direction, float32: lstm, gru and rnn with sigmoid gates and tanh, from the sums of their
 * inputs on (`gates` = W·x + b, gate order as in ops.ts). The rest of a layer is made of other operators: input product and
 * weight gradients by T·N rows, the reverse direction by slices with step −1.
 *
 * The forward operator also gives what its gradient needs; the gradient operator takes the gradients of y [T,N,H] and of
 * the last states, absent where nobody reads them.
 */
import { OctavoError } from "./error.ts";
import type { Inputs, OpRule, Result } from "./ops.ts";

/**
 * `quantization`: y, and every product of a later step, sees a hidden value as the int8 model holds it,
 * scale · (clamp(round(h / scale) + zeroPoint, −128, 127) − zeroPoint); its gradient is 1 where nothing was clamped, else 0.
 * Sums of a GRU's update and the final state `hn` take h itself, as in inference.
 */
interface Unrolled { hidden: number; quantization?: { scale: number; zeroPoint: number } }

export interface RecurrentTrainAttributes {
  /** gates [T,N,4H] · r [4H,H] · h0 [N,H]? · c0 [N,H]? → y [T,N,H], act [T,N,4H] (activated gates), c [T,N,H], hn [N,H] */
  lstmForward: Unrolled;
  /** r · act · c · h0? · c0? · dy [T,N,H]? · dhn [N,H]? · dcn [N,H]? → dgates [T,N,4H], dh0 [N,H], dc0 [N,H] */
  lstmGrad: Unrolled;
  /**
   * gates [T,N,3H] without the biases of r · r [3H,H] · rb [3H]? · h0 [N,H]? → y [T,N,H], act [T,N,3H], inner [T,N,H], hn [N,H],
   * h [T,N,H] (y where nothing is quantized). `inner`: r ∘ h[t−1] as the product of the candidate sees it, or with
   * `linearBeforeReset` R·h[t−1] + rb of the candidate, which r then multiplies.
   */
  gruForward: Unrolled & { linearBeforeReset: boolean };
  /**
   * r · act · inner · h · h0? · dy [T,N,H]? · dhn [N,H]? → dgates [T,N,3H], dh0 [N,H], and with `linearBeforeReset` dsums
   * [T,N,3H]: the gradient of R·h[t−1] + rb. Without it that is dgates, and the candidate's rows of r multiply `inner`.
   */
  gruGrad: Unrolled & { linearBeforeReset: boolean };
  /** gates [T,N,H] · r [H,H] · h0 [N,H]? → y [T,N,H], hn [N,H], h [T,N,H] (y where nothing is quantized) */
  rnnForward: Unrolled & { activation: "tanh" | "relu" };
  /** r · h [T,N,H] · h0? · dy [T,N,H]? · dhn [N,H]? → dgates [T,N,H], dh0 [N,H] */
  rnnGrad: Unrolled & { activation: "tanh" | "relu" };
}

const fail = (problem: string): never => { throw new OctavoError("ERR_OCTAVO_SHAPE", problem); };
const show = (shape: readonly number[]) => `[${shape.join(",")}]`;

type Sizes = Record<string, number>;
interface Operand { name: string; optional: boolean; shape: string[] }

/** "act T,N,4H; dy? T,N,H": names, ? where absent ones are allowed, axes as multiples of sizes. */
const operands = (text: string): Operand[] => text.split("; ").map((part) => {
  const [name, shape] = part.split(" ") as [string, string];
  return { name: name.replace("?", ""), optional: name.endsWith("?"), shape: shape.split(",") };
});
const sized = (s: Sizes, shape: string[]): number[] => shape.map((axis) => Number(axis.slice(0, -1) || 1) * s[axis.at(-1)!]!);

function rule<A extends Unrolled>(inputs: string, outputs: string, more = (_: A) => ""): OpRule<A> {
  const takes = operands(inputs);
  return {
    inputs: [takes.filter((o) => !o.optional).length, takes.length],
    infer: (a, given) => {
      const sizes = sizesOf(a, takes, given);
      takes.forEach(({ name, shape }, i) => expectShape(name, given[i]?.shape, sized(sizes, shape)));
      return operands(outputs + more(a)).map(({ shape }): Result => ({ dtype: "float32", shape: sized(sizes, shape) }));
    },
  };
}

/** T and N stand in the first operand of all steps. */
function sizesOf({ hidden: H, quantization: q }: Unrolled, takes: Operand[], given: Inputs): Sizes {
  const at = takes.findIndex(({ shape }) => shape[0] === "T"), found = given[at]!.shape, [T, N] = found;
  if (found.length !== 3) fail(`${takes[at]!.name} has shape ${show(found)}, expected ${takes[at]!.shape.join(",")}`);
  if (!(Number.isInteger(H) && H >= 1)) fail(`hidden size is ${H}, expected a whole number from 1`);
  if (q && !(q.scale > 0 && q.scale < Infinity && Number.isInteger(q.zeroPoint) && q.zeroPoint >= -128 && q.zeroPoint <= 127))
    fail(`quantization has scale ${q.scale} and zero point ${q.zeroPoint}, expected a positive number and -128 to 127`);
  return { T: T!, N: N!, H };
}

function expectShape(name: string, found: readonly number[] | undefined, expected: number[]): void {
  if (found && show(found) !== show(expected)) fail(`${name} has shape ${show(found)}, expected ${show(expected)}`);
}

export const recurrentTrainOps: { [K in keyof RecurrentTrainAttributes]: OpRule<RecurrentTrainAttributes[K]> } = {
  lstmForward: rule("gates T,N,4H; r 4H,H; h0? N,H; c0? N,H", "y T,N,H; act T,N,4H; c T,N,H; hn N,H"),
  lstmGrad: rule("r 4H,H; act T,N,4H; c T,N,H; h0? N,H; c0? N,H; dy? T,N,H; dhn? N,H; dcn? N,H", "dgates T,N,4H; dh0 N,H; dc0 N,H"),
  gruForward: rule("gates T,N,3H; r 3H,H; rb? 3H; h0? N,H", "y T,N,H; act T,N,3H; inner T,N,H; hn N,H; h T,N,H"),
  gruGrad: rule("r 3H,H; act T,N,3H; inner T,N,H; h T,N,H; h0? N,H; dy? T,N,H; dhn? N,H", "dgates T,N,3H; dh0 N,H",
    ({ linearBeforeReset }) => (linearBeforeReset ? "; dsums T,N,3H" : "")),
  rnnForward: rule("gates T,N,H; r H,H; h0? N,H", "y T,N,H; hn N,H; h T,N,H"),
  rnnGrad: rule("r H,H; h T,N,H; h0? N,H; dy? T,N,H; dhn? N,H", "dgates T,N,H; dh0 N,H"),
};
