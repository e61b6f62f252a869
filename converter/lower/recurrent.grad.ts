/** Recurrent layers in training → the kernels of the same names. */
import { sizeOf, type Node } from "../ir/graph.ts";
import { recurrentSignatures, resultsOf, sizedBy, sizesOf, type RecurrentTrainAttributes } from "../ir/ops.recurrent.grad.ts";
import type { LoweringContext, Operand, Params } from "./context.ts";

type Op = keyof RecurrentTrainAttributes;
/** Samples that go through all steps together, at most. */
const ROWS = 5;

/**
 * `inPlace`: the result that may take the place of an operand. Scratch, as in assembly/kernels/*.grad.ts, in multiples of H: floats
 * for each of the samples that go together, rows of each block of packed weights.
 */
interface Kernel { gates: number; inPlace: [result: string, operand: string]; row: number; packed: number[] }
const kernels: Record<Op, Kernel> = {
  lstmForward: { gates: 4, inPlace: ["act", "gates"], row: 5, packed: [4] },
  lstmGrad: { gates: 4, inPlace: ["dgates", "act"], row: 4, packed: [] },
  gruForward: { gates: 3, inPlace: ["act", "gates"], row: 4, packed: [2, 1] },
  gruGrad: { gates: 3, inPlace: ["dgates", "act"], row: 3, packed: [] },
  rnnForward: { gates: 1, inPlace: ["y", "gates"], row: 2, packed: [1] },
  rnnGrad: { gates: 1, inPlace: ["dgates", "h"], row: 2, packed: [] },
};

function lower(node: Node<Op>, c: LoweringContext): void {
  const { op, attributes: a } = node, signature = recurrentSignatures[op], { gates, inPlace: [result, operand] } = kernels[op];
  const sizes = sizesOf(a, signature, node.inputs.map((name) => (name ? c.tensor(name).shape : undefined))), { T, N, H } = sizes;
  const tensors = new Map([...signature.inputs.map(({ name }, i) => [name, node.inputs[i]] as const), ...signature.outputs.map(({ name }, i) => [name, node.outputs[i]] as const)]);
  if (tensors.get(result)) c.inherit(tensors.get(result)!, tensors.get(operand)!);
  const given: Params = Object.fromEntries([...tensors].map(([name, tensor]) => [name, tensor ? c.at(tensor) : 0]));
  // the kernels need every result of all steps; h is y where nothing is rounded
  for (const o of resultsOf(a, signature)) if (o.axes[0] === "T") given[o.name] ||= o.name === "h" && !a.quantization ? given.y! : c.scratch(4 * sizeOf(sizedBy(sizes, o)));
  if (op === "gruForward") given.rb ||= c.constant(new Float32Array(3 * H));
  c.call(op, { T, N, H, ...fields(node), ...given, t: scratch(c, op, H) }, [...signature.outputs.map(({ name }) => name), "t"], T * N * gates * H * H);
}

/** What a struct holds beside sizes and operands. */
function fields(node: Node<Op>): Params {
  const q = node.attributes.quantization, common = { zeroPoint: q?.zeroPoint ?? 0, scale: q?.scale ?? 0, inverseScale: q ? 1 / q.scale : 0 };
  if (node.op === "gruForward" || node.op === "gruGrad") return { ...common, linearBeforeReset: Number(node.attributes.linearBeforeReset) };
  return node.op === "rnnForward" || node.op === "rnnGrad" ? { ...common, relu: Number(node.attributes.activation === "relu") } : common;
}

function scratch(c: LoweringContext, op: Op, H: number): Operand {
  const { row, packed } = kernels[op];
  return c.scratch(4 * ROWS * row * H + packed.reduce((sum, rows) => sum + 32 * Math.ceil((rows * H) / 8) * H, 0));
}

export const recurrentTraining = { lstmForward: lower, lstmGrad: lower, gruForward: lower, gruGrad: lower, rnnForward: lower, rnnGrad: lower };
