/**
 * SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND. Around a convolution they are how older converters wrote dilation: the pair
 * disappears, and the convolution between gets its block as dilation. Elsewhere they are reshapes and transposes.
 */
import { sizeOf } from "../../ir/graph.ts";
import { padding } from "./convolution.ts";
import { TfliteNode, type OperatorTable } from "./node.ts";
import { options, type TfliteOperator, type TfliteSubgraph } from "./schema.ts";
import { nameOf, type DilatedConv, type Scope } from "./scope.ts";
import { show } from "./tensors.ts";

export const batches: OperatorTable = { SPACE_TO_BATCH_ND: spaceToBatch, BATCH_TO_SPACE_ND: batchToSpace };

/** block [M], amounts [M,2] before and after, for the M axes behind the batch. */
function blocksOf(n: TfliteNode): { x: string; shape: number[]; block: number[]; before: number[]; after: number[] } {
  const x = n.input(0), shape = n.shape(x), block = n.integers(1), amounts = n.integers(2), M = block.length;
  if (shape.length <= M || amounts.length !== 2 * M || block.some((b) => b < 1) || amounts.some((a) => a < 0)) {
    n.damaged(`block ${show(block)} and amounts ${show(amounts)} do not fit ${show(shape)}`);
  }
  return { x, shape, block, before: amounts.filter((_, i) => i % 2 === 0), after: amounts.filter((_, i) => i % 2 === 1) };
}

/** [N, S…, rest] → pad → [N, S/b, b, …] → [b…, N, S/b…, rest] */
function spaceToBatch(n: TfliteNode): void {
  if (isDilation(n)) return n.name(n.input(0));
  const { x, shape, block, before, after } = blocksOf(n), M = block.length, rest = shape.slice(M + 1);
  const ends = rest.map(() => 0);
  const padded = n.move("pad", [x], { before: [0, ...before, ...ends], after: [0, ...after, ...ends], mode: "constant", value: 0 });
  const sizes = n.shape(padded).slice(1, M + 1).map((d, i) => d / block[i]!);
  if (!sizes.every(Number.isInteger)) n.damaged(`block ${show(block)} does not divide the padded ${show(n.shape(padded))}`);
  const split = n.reshape(padded, [shape[0]!, ...sizes.flatMap((d, i) => [d, block[i]!]), ...rest]);
  const axes = sizes.map((_, i) => i);
  const perm = [...axes.map((i) => 2 * i + 2), 0, ...axes.map((i) => 2 * i + 1), ...rest.map((_, i) => 2 * M + 1 + i)];
  n.emit("reshape", [n.transpose(split, perm)], { shape: [shape[0]! * sizeOf(block), ...sizes, ...rest] });
}

/** [b…·N, S…, rest] → [b…, N, S…, rest] → [N, S·b…, rest] → crop */
function batchToSpace(n: TfliteNode): void {
  if (isDilation(n)) return n.name(n.input(0));
  const { x, shape, block, before, after } = blocksOf(n), M = block.length, rest = shape.slice(M + 1), N = shape[0]! / sizeOf(block);
  if (!Number.isInteger(N)) n.damaged(`block ${show(block)} does not divide a batch of ${shape[0]}`);
  const split = n.reshape(x, [...block, N, ...shape.slice(1)]);
  const perm = [M, ...block.flatMap((_, i) => [M + 1 + i, i]), ...rest.map((_, i) => 2 * M + 1 + i)];
  const whole = n.reshape(n.transpose(split, perm), [N, ...block.map((b, i) => b * shape[i + 1]!), ...rest]);
  const sizes = n.shape(whole).map((d, i) => d - (before[i - 1] ?? 0) - (after[i - 1] ?? 0));
  if (sizes.some((d) => d < 0)) n.damaged(`crops ${show(before)} and ${show(after)} exceed ${show(n.shape(whole))}`);
  n.emit("slice", [whole], { starts: [0, ...before, ...rest.map(() => 0)], steps: sizes.map(() => 1), sizes });
}

const isDilation = (n: TfliteNode): boolean => n.scope.dilated.has(n.operator);

const between = new Set(["ADD", "RELU", "RELU6", "RELU_N1_TO_1"]);

/**
 * Finds SPACE_TO_BATCH_ND → convolution → (bias, activation) → BATCH_TO_SPACE_ND with one block and stride 1, each read
 * by the next only. All three are entered: the convolution with its geometry, the pair to be passed over.
 */
export function findDilations(scope: Scope): Map<TfliteOperator, DilatedConv> {
  const found = new Map<TfliteOperator, DilatedConv>();
  for (const first of scope.subgraph.operators) {
    const chain = first.type === "SPACE_TO_BATCH_ND" ? chainFrom(scope, first) : undefined;
    const geometry = chain && dilationOf(scope, chain);
    if (geometry) for (const op of [chain[0], chain[1], chain[2]]) found.set(op, geometry);
  }
  return found;
}

/** Whether an addend is the same at every place of the picture. */
const perChannel = (scope: Scope, index: number | undefined): boolean => {
  const t = index === undefined ? undefined : scope.subgraph.tensors[index];
  return !t || (t.shape.length <= 1 && (scope.model.buffers[t.buffer]?.length ?? 0) > 0);
};

type Chain = [space: TfliteOperator, conv: TfliteOperator, batch: TfliteOperator];

/** Operators by the tensors that they read. */
export function readersOf({ operators }: TfliteSubgraph): Map<number, TfliteOperator[]> {
  const readers = new Map<number, TfliteOperator[]>();
  for (const op of operators) {
    for (const i of new Set(op.inputs)) {
      if (readers.has(i)) readers.get(i)!.push(op);
      else readers.set(i, [op]);
    }
  }
  return readers;
}

function chainFrom(scope: Scope, space: TfliteOperator): Chain | undefined {
  const next = (op: TfliteOperator) => {
    const all = scope.readers.get(op.outputs[0]!) ?? [];
    const alone = op.outputs.length === 1 && all.length === 1 && !scope.subgraph.outputs.includes(op.outputs[0]!);
    return alone && all[0]!.inputs[0] === op.outputs[0] ? all[0] : undefined;
  };
  const conv = next(space);
  if (!conv || (conv.type !== "CONV_2D" && conv.type !== "DEPTHWISE_CONV_2D")) return undefined;
  let last = next(conv);
  for (let i = 0; i < 3 && last && between.has(last.type) && perChannel(scope, last.inputs[1]); i++) last = next(last);
  return last?.type === "BATCH_TO_SPACE_ND" ? [space, conv, last] : undefined;
}

/** Undefined where block, padding or stride are not such that one dilated convolution does the same. */
function dilationOf(scope: Scope, [space, conv, batch]: Chain): DilatedConv | undefined {
  const constants = [space, batch].flatMap((op) => [op.inputs[1]!, op.inputs[2]!]).map((i) => constantIntegers(scope, i));
  const [block, pads, again, crops] = constants;
  const o = conv.type === "CONV_2D" ? options.conv2d(conv) : options.depthwiseConv2d(conv);
  const weights = scope.subgraph.tensors[conv.inputs[1]!]?.shape;
  if (block?.length !== 2 || pads?.length !== 4 || crops?.length !== 4 || block.join() !== again?.join() || weights?.length !== 4) return undefined;
  if (o.strideH !== 1 || o.strideW !== 1 || o.dilationH !== 1 || o.dilationW !== 1) return undefined;
  const inner = [0, 1].map((i) => padding(o.padding, 1e6, weights[1 + i]!, 1, 1));
  const [rows, columns] = inner.map((sides, i) => sides.map((p, side) => p * block[i]! + pads[2 * i + side]! - crops[2 * i + side]!));
  const pad = [rows![0]!, columns![0]!, rows![1]!, columns![1]!] as DilatedConv["pad"];
  return pad.every((p) => p >= 0) ? { dilation: [block[0]!, block[1]!], pad } : undefined;
}

function constantIntegers(scope: Scope, index: number): number[] | undefined {
  const t = scope.subgraph.tensors[index];
  if (!t || sizeOf(t.shape) > 8 || (t.type !== "int32" && t.type !== "int64")) return undefined;
  const name = nameOf(scope, index);
  const data = name === undefined ? undefined : scope.graph.graph.tensors.get(name)?.data;
  return data && [...data];
}
