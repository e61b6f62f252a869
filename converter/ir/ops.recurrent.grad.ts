/**
 * Recurrent layers in training, one direction, float32: lstm, gru and rnn with sigmoid gates and tanh, from the sums of their
 * inputs on (`gates` = W·x + b, gate order as in ops.ts). The rest of a layer is made of other operators: input product and
 * weight gradients by T·N rows, the reverse direction by slices with step −1.
 *
 * The forward operator also gives what its gradient needs; the gradient operator takes the gradients of y [T,N,H] and of
 * the last states, absent where nobody reads them.
 */
import { fail, show, type Inputs, type OpRule, type Result } from "./shapes.ts";

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

type Sizes = Record<"T" | "N" | "H", number>;
/** An operand by the name that it also has in the struct of the kernel; its axes are multiples of sizes. */
export interface Operand { name: string; optional: boolean; axes: string[] }
export interface Signature { inputs: Operand[]; outputs: Operand[] }

/** "act T,N,4H; dy? T,N,H": ? where it may be absent. */
const operands = (text: string): Operand[] => text.split("; ").map((part) => {
  const [name, axes] = part.split(" ") as [string, string];
  return { name: name.replace("?", ""), optional: name.endsWith("?"), axes: axes.split(",") };
});
const signature = (inputs: string, outputs: string): Signature => ({ inputs: operands(inputs), outputs: operands(outputs) });

export const recurrentSignatures: Record<keyof RecurrentTrainAttributes, Signature> = {
  lstmForward: signature("gates T,N,4H; r 4H,H; h0? N,H; c0? N,H", "y T,N,H; act T,N,4H; c T,N,H; hn N,H"),
  lstmGrad: signature("r 4H,H; act T,N,4H; c T,N,H; h0? N,H; c0? N,H; dy? T,N,H; dhn? N,H; dcn? N,H", "dgates T,N,4H; dh0 N,H; dc0 N,H"),
  gruForward: signature("gates T,N,3H; r 3H,H; rb? 3H; h0? N,H", "y T,N,H; act T,N,3H; inner T,N,H; hn N,H; h T,N,H"),
  gruGrad: signature("r 3H,H; act T,N,3H; inner T,N,H; h T,N,H; h0? N,H; dy? T,N,H; dhn? N,H", "dgates T,N,3H; dh0 N,H; dsums T,N,3H"),
  rnnForward: signature("gates T,N,H; r H,H; h0? N,H", "y T,N,H; hn N,H; h T,N,H"),
  rnnGrad: signature("r H,H; h T,N,H; h0? N,H; dy? T,N,H; dhn? N,H", "dgates T,N,H; dh0 N,H"),
};

/** "4H" → 4 · H */
export const sizedBy = (s: Sizes, { axes }: Operand): number[] => axes.map((axis) => Number(axis.slice(0, -1) || 1) * s[axis.at(-1) as keyof Sizes]);

/** T and N stand in the first operand of all steps. */
export function sizesOf({ hidden: H }: Unrolled, { inputs }: Signature, shapes: readonly (readonly number[] | undefined)[]): Sizes {
  const at = inputs.findIndex(({ axes }) => axes[0] === "T"), found = shapes[at]!, [T, N] = found;
  if (found.length !== 3) fail(`${inputs[at]!.name} has shape ${show(found)}, expected [${inputs[at]!.axes.join(",")}]`);
  if (!(Number.isInteger(H) && H >= 1)) fail(`hidden size is ${H}, expected a whole number from 1`);
  return { T: T!, N: N!, H };
}

function checkQuantization({ quantization: q }: Unrolled): void {
  if (q && !(q.scale > 0 && q.scale < Infinity && Number.isInteger(q.zeroPoint) && q.zeroPoint >= -128 && q.zeroPoint <= 127))
    fail(`the hidden state has scale ${q.scale} and zero point ${q.zeroPoint}, expected a positive number and -128 to 127`);
}

function expectShape(name: string, found: readonly number[] | undefined, expected: number[]): void {
  if (found && show(found) !== show(expected)) fail(`${name} has shape ${show(found)}, expected ${show(expected)}`);
}

/** The gradient of a GRU has no dsums but where reset is linear. */
export const resultsOf = (a: Unrolled & { linearBeforeReset?: boolean }, { outputs }: Signature): Operand[] => outputs.filter(({ name }) => name !== "dsums" || a.linearBeforeReset);

function rule<A extends Unrolled>(signature: Signature): OpRule<A> {
  return {
    inputs: [signature.inputs.filter((o) => !o.optional).length, signature.inputs.length],
    infer: (a: A, given: Inputs): Result[] => {
      const sizes = sizesOf(a, signature, given.map((t) => t?.shape));
      checkQuantization(a);
      signature.inputs.forEach((o, i) => expectShape(o.name, given[i]?.shape, sizedBy(sizes, o)));
      return resultsOf(a, signature).map((o) => ({ dtype: "float32", shape: sizedBy(sizes, o) }));
    },
  };
}

export const recurrentTrainOps = Object.fromEntries(Object.entries(recurrentSignatures).map(([op, s]) => [op, rule(s)])) as
  unknown as { [K in keyof RecurrentTrainAttributes]: OpRule<RecurrentTrainAttributes[K]> };
