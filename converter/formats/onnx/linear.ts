/** Gemm, MatMul and Einsum. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf } from "../../ir/graph.ts";
import { noClamp } from "../../ir/ops.ts";
import type { Operators, OnnxNode } from "./node.ts";
import { isWeight, permuteWeights } from "./spatial.ts";
import { add, affine, constant, damaged, expand, matmul, misfit, range, rankOf, reduce, reshape, transpose } from "./write.ts";

/** alpha · a · b + beta · c; a dense layer where b is a constant. */
export function gemm(n: OnnxNode, g: GraphBuilder): string {
  const a = n.int("transA", 0) ? transpose(g, n.input(0), [1, 0]) : n.input(0), b = n.input(1), c = n.optional(2);
  const alpha = n.float("alpha", 1), beta = n.float("beta", 1), transB = n.int("transB", 0) !== 0;
  if (rankOf(g, a) !== 2 || rankOf(g, b) !== 2)
    misfit(g, `inputs have shapes [${g.shape(a).join(",")}] and [${g.shape(b).join(",")}], expected matrices`);
  const rows = transB ? b : permuteWeights(g, b, [1, 0]), O = g.shape(rows)[0]!;
  const bias = c && alpha === 1 && beta === 1 && g.shape(c).join() === String(O) ? c : "";
  const product = isWeight(g, b) ? g.add("dense", [a, rows, ...(bias ? [bias] : [])], { clamp: noClamp }) : matmul(g, a, transB ? transpose(g, b, [1, 0]) : b);
  const scaled = alpha === 1 ? product : affine(g, product, alpha, 0);
  if (!c || (bias && isWeight(g, b))) return scaled;
  return add(g, scaled, beta === 1 ? c : affine(g, c, beta, 0));
}

/** NumPy's matmul; a dense layer where b is a constant matrix. */
export function matMul(g: GraphBuilder, a: string, b: string): string {
  if (rankOf(g, b) === 2 && isWeight(g, b) && rankOf(g, a) >= 1) return g.add("dense", [a, permuteWeights(g, b, [1, 0])], { clamp: noClamp });
  const left = rankOf(g, a) === 1 ? reshape(g, a, [1, ...g.shape(a)]) : a, right = rankOf(g, b) === 1 ? reshape(g, b, [...g.shape(b), 1]) : b;
  const y = matmul(g, left, right), shape = g.shape(y);
  return reshape(g, y, shape.filter((_, i) => !(i === shape.length - 2 && left !== a) && !(i === shape.length - 1 && right !== b)));
}

interface Term { tensor: string; labels: string[] }

/** Sums of products by named axes: two operands at a time become one batched matrix product. */
export function einsum(g: GraphBuilder, equation: string, operands: readonly string[]): string {
  const [left, right] = equation.replace(/\s/g, "").split("->") as [string, string | undefined];
  const sides = left.split(",");
  if (sides.length !== operands.length) damaged(g, `the equation has ${sides.length} operands, found ${operands.length}`);
  const terms = sides.map((labels, i) => diagonal(g, { tensor: operands[i]!, labels: named(g, labels, rankOf(g, operands[i]!)) }));
  const widest = terms.flatMap((t) => t.labels.filter((l) => l.startsWith("."))), ellipsis = [...new Set(widest)].sort().reverse();
  const output = right === undefined ? implicit(sides, ellipsis) : [...right.replace("...", "@")].flatMap((l) => (l === "@" ? ellipsis : [l]));
  const known = new Set(terms.flatMap((t) => t.labels)), stranger = output.find((l) => !known.has(l));
  if (stranger) damaged(g, `axis "${stranger}" of the result is in no operand`);
  const needed = (rest: Term[]) => new Set([...output, ...rest.flatMap((t) => t.labels)]);
  const whole = terms.slice(1).reduce((a, b, i) => product(g, summed(g, a, new Set([...needed(terms.slice(i + 2)), ...b.labels])), b, needed(terms.slice(i + 2))), terms[0]!);
  return arranged(g, summed(g, whole, new Set(output)), output);
}

/** One label per axis; "..." stands for as many as are left, named from the last: ".1" is the last of them. */
function named(g: GraphBuilder, labels: string, rank: number): string[] {
  const parts = labels.split("..."), letters = labels.replace("...", ""), free = rank - letters.length;
  if (free < 0 || (parts.length === 1 && free > 0) || !/^[a-zA-Z]*$/.test(letters))
    misfit(g, `operand "${labels}" does not fit a tensor of rank ${rank}`);
  const middle = parts.length === 2 ? range(free).map((i) => `.${String(free - i).padStart(2, "0")}`) : [];
  return [...parts[0]!, ...middle, ...(parts[1] ?? "")];
}

/** Without "->": the ellipsis, then every label that occurs once, sorted. */
function implicit(sides: string[], ellipsis: string[]): string[] {
  const letters = [...sides.join("").replaceAll(".", "")];
  return [...ellipsis, ...letters.filter((l) => letters.indexOf(l) === letters.lastIndexOf(l)).sort()];
}

/** A label that stands twice takes the diagonal. */
function diagonal(g: GraphBuilder, t: Term): Term {
  const first = t.labels.findIndex((l, i) => t.labels.indexOf(l, i + 1) >= 0);
  if (first < 0) return t;
  const second = t.labels.indexOf(t.labels[first]!, first + 1), rest = range(t.labels.length).filter((i) => i !== first && i !== second);
  const shape = g.shape(t.tensor), size = shape[first]!, moved = transpose(g, t.tensor, [first, second, ...rest]);
  const flat = reshape(g, moved, [size * shape[second]!, ...rest.map((i) => shape[i]!)]);
  const picked = g.add("gather", [flat, constant(g, "diagonal", "int64", range(size).map((i) => i * (shape[second]! + 1)))], { axis: 0 });
  return diagonal(g, { tensor: picked, labels: [t.labels[first]!, ...rest.map((i) => t.labels[i]!)] });
}

/** Sums over the labels that nobody needs. */
function summed(g: GraphBuilder, t: Term, needed: ReadonlySet<string>): Term {
  const axes = range(t.labels.length).filter((i) => !needed.has(t.labels[i]!));
  return axes.length ? { tensor: reduce(g, "reduceSum", t.tensor, axes, false), labels: t.labels.filter((_, i) => !axes.includes(i)) } : t;
}

/** [batch, rows, inner] · [batch, inner, columns], each a group of labels laid out as one axis. */
function product(g: GraphBuilder, a: Term, b: Term, needed: ReadonlySet<string>): Term {
  const right = summed(g, b, new Set([...needed, ...a.labels])), common = a.labels.filter((l) => right.labels.includes(l));
  const sizes = new Map<string, number>();
  for (const t of [a, right]) t.labels.forEach((l, i) => sizes.set(l, Math.max(sizes.get(l) ?? 1, g.shape(t.tensor)[i]!)));
  const batch = common.filter((l) => needed.has(l)), inner = common.filter((l) => !needed.has(l));
  const rows = a.labels.filter((l) => !common.includes(l)), columns = right.labels.filter((l) => !common.includes(l));
  const count = (labels: string[]) => sizeOf(labels.map((l) => sizes.get(l)!));
  const laidOut = (t: Term, order: string[], shape: number[]) => reshape(g, expand(g, arranged(g, t, order), order.map((l) => sizes.get(l)!)), shape);
  const left = laidOut(a, [...batch, ...rows, ...inner], [count(batch), count(rows), count(inner)]);
  const y = matmul(g, left, laidOut(right, [...batch, ...inner, ...columns], [count(batch), count(inner), count(columns)]));
  const labels = [...batch, ...rows, ...columns];
  return { tensor: reshape(g, y, labels.map((l) => sizes.get(l)!)), labels };
}

const arranged = (g: GraphBuilder, t: Term, order: string[]): string => transpose(g, t.tensor, order.map((l) => t.labels.indexOf(l)));

export const linear: Operators = { Gemm: gemm, MatMul: (n, g) => matMul(g, n.input(0), n.input(1)), Einsum: (n, g) => einsum(g, n.string("equation"), n.inputs.map((_, i) => n.input(i))) };
