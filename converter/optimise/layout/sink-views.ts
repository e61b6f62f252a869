/**
 * Views move towards the outputs, where they meet their inverses:
 *   op(view(x)) → view(op(x))                         one operand: elementwise, or per axis (move-axes)
 *   op(view(a), view(b), constant) → view(op(a, b, …))  several: elementwise with broadcast, where, concat
 * A transpose also passes operands that it does not show if that costs no more transposes than it saves.
 */
import type { Node } from "../../ir/graph.ts";
import { binaryOps, unaryOps, type OpName } from "../../ir/ops.ts";
import { keepsOrder } from "../remove-identities.ts";
import type { Rewriter } from "../rewriter.ts";
import { moveAxes } from "./move-axes.ts";
import { compose, equal, inverse, isIdentity, permuted } from "./permutation.ts";
import { viewOf, type View } from "./view.ts";

const elementwise = new Set<OpName>([...unaryOps, "quantize", "dequantize", "requantize", "lut", "cast"]);
const joining = new Set<OpName>([...binaryOps, "where", "concat"]);

export function sinkViews(rw: Rewriter, node: Node): void {
  const y = node.outputs[0];
  if (!y || node.outputs.length > 1 || !node.inputs[0] || (rw.tensor(y).quantization?.scale.length ?? 1) > 1) return;
  if (joining.has(node.op)) return sinkJoined(rw, node);
  if (elementwise.has(node.op)) return sinkElementwise(rw, node);
  const view = viewOf(rw, node.inputs[0]), moved = view && moveAxes(node, view, (name) => rw.shape(name).length);
  if (moved) showBelow(rw, node, { ...view, map: moved.map }, [view.x, ...node.inputs.slice(1)], moved.attributes);
}

/** `node` computes on x itself, and a view of its result takes the place of its output. */
function showBelow(rw: Rewriter, node: Node, { op, map }: Pick<View, "op" | "map">, inputs: string[], attributes: unknown): void {
  const [y] = node.outputs as [string], like = rw.tensor(y), below = { stem: `${node.name} layout`, output: y };
  rw.remove(node);
  const result = rw.add(node.op, inputs, attributes as never, { stem: node.name, like });
  if (op === "reshape") rw.add("reshape", [result], { shape: [...like.shape] }, below);
  else rw.add("transpose", [result], { perm: [...map] }, below);
}

/** Any reshape will do here. */
function sinkElementwise(rw: Rewriter, node: Node): void {
  const above = rw.producer(node.inputs[0]!);
  if (above?.op !== "reshape" && above?.op !== "transpose") return;
  const x = above.inputs[0]!;
  if (rw.constant(x) || (rw.tensor(x).quantization?.scale.length ?? 1) > 1) return;
  showBelow(rw, node, { op: above.op, map: above.op === "transpose" ? above.attributes.perm : [] }, [x, ...node.inputs.slice(1)], node.attributes);
}

function sinkJoined(rw: Rewriter, node: Node): void {
  const views = node.inputs.map((name) => (rw.constant(name) ? undefined : viewOf(rw, name)));
  if (sinkReshapes(rw, node, views)) return;
  for (const view of views) if (view?.op === "transpose" && sinkTranspose(rw, node, view.map)) return;
}

/** All operands but constants are reshaped alike: the axes of one of them fit all. */
function sinkReshapes(rw: Rewriter, node: Node, views: (View | undefined)[]): boolean {
  const target = rw.shape(node.outputs[0]!), like = views.find((v) => v?.op === "reshape" && v.yShape.length === target.length &&
    node.inputs.every((name, i) => rw.constant(name) || fits(views[i], v)));
  const inputs = like ? node.inputs.map((name, i) => views[i]?.x ?? reshapedConstant(rw, name, like)) : [undefined];
  const axis = node.op === "concat" ? (like?.map[node.attributes.axis] ?? -1) : 0, shown = axis < 0 ? undefined : written(rw, inputs);
  if (!like || !shown) return sinkEqualReshapes(rw, node);
  showBelow(rw, node, like, shown, node.op === "concat" ? { axis } : node.attributes);
  return true;
}

/** Whether a view can be read with the axes of `like`; axes of size 1 can be paired in several ways. */
const fits = (view: View | undefined, { map, xShape }: View): boolean =>
  view !== undefined && view.op === "reshape" && view.xShape.length === xShape.length && view.yShape.length === map.length &&
  map.every((m, k) => view.yShape[k] === (m < 0 ? 1 : view.xShape[m])) && view.xShape.every((d, axis) => d === 1 || map.includes(axis));

/** A tensor that is there, or a constant and the shape that it is to get. */
type Operand = string | { name: string; shape: number[] } | undefined;

/** The names of the operands, or undefined where one is missing; nothing is added before all are known. */
function written(rw: Rewriter, operands: Operand[]): string[] | undefined {
  if (operands.includes(undefined)) return undefined;
  return operands.map((o) => (typeof o === "object" ? rw.add("reshape", [o.name], { shape: o.shape }, { stem: o.name, like: rw.tensor(o.name) }) : o!));
}

/** A constant that broadcasts over y, shown so that it broadcasts over x; undefined where an axis of x is missing for it. */
function reshapedConstant(rw: Rewriter, name: string, { map, xShape }: View): Operand {
  const shape = rw.shape(name), lead = map.length - shape.length, sizes = map.map((_, k) => shape[k - lead] ?? 1);
  if (lead < 0 || map.some((m, k) => m < 0 && sizes[k] !== 1)) return undefined;
  return { name, shape: xShape.map((_, axis) => sizes[map.indexOf(axis)] ?? 1) };
}

/**
 * Any reshape, the same for operands of the same shape: op(reshape(a), reshape(b)), op(reshape(a), number). A constant
 * over the last axes is laid over the axes of a that became them.
 */
function sinkEqualReshapes(rw: Rewriter, node: Node): boolean {
  if (node.op === "concat") return false;
  const target = rw.shape(node.outputs[0]!), sources = node.inputs.map((name) => reshapeSource(rw, name)), shape = sources.find(Boolean)?.shape;
  if (!shape) return false;
  const inputs = node.inputs.map((name, i): Operand => {
    if (rw.constant(name)) return constantOver(rw, name, shape, target);
    return sources[i] && equal(sources[i].shape, shape) && equal(rw.shape(name), target) ? sources[i].x : undefined;
  });
  const shown = written(rw, inputs);
  if (shown) showBelow(rw, node, { op: "reshape", map: [] }, shown, node.attributes);
  return shown !== undefined;
}

function reshapeSource(rw: Rewriter, name: string): { x: string; shape: number[] } | undefined {
  const x = rw.by(name, "reshape")?.inputs[0];
  return x && !rw.constant(x) && viewlike(rw, x, name) ? { x, shape: rw.shape(x) } : undefined;
}
const viewlike = (rw: Rewriter, x: string, y: string) => (rw.tensor(x).quantization?.scale.length ?? 1) === 1 && rw.tensor(x).dtype === rw.tensor(y).dtype;

function constantOver(rw: Rewriter, name: string, shape: readonly number[], target: readonly number[]): Operand {
  const size = rw.constant(name)!.data.length, full = rw.shape(name), own = full.slice(full.findIndex((d) => d !== 1));
  if (size === 1) return full.length <= shape.length ? name : { name, shape: [] };
  if (!equal(own, target.slice(-own.length))) return undefined;
  let axis = shape.length, product = 1;
  while (axis > 0 && product < size) product *= shape[--axis]!;
  return product === size ? { name, shape: shape.slice(axis) } : undefined;
}

/** op(…, transpose(x), …) → transpose(op(…)) by the permutation `map`, if that needs no more transposes than before. */
function sinkTranspose(rw: Rewriter, node: Node, map: readonly number[]): boolean {
  const rank = rw.shape(node.outputs[0]!).length, lead = rank - map.length;
  const perm = [...Array.from({ length: lead }, (_, k) => k), ...map.map((m) => m + lead)];
  const shown = (name: string) => !rw.constant(name) && viewOf(rw, name)?.op === "transpose" && equal(viewOf(rw, name)!.map, map);
  const others = node.inputs.filter((name) => !rw.constant(name) && !shown(name));
  const saved = new Set(node.inputs.filter((name) => shown(name) && !keepsOrder(viewOf(rw, name)!.xShape, map))).size;
  const spent = others.filter((name) => !isFree(rw, name, perm)).length;
  if (others.length && !saved) return false;
  if (spent && !(spent < saved || (spent === saved && allReadersUndo(rw, node.outputs[0]!, perm)))) return false;
  const inputs = node.inputs.map((name) => (shown(name) ? ranked(rw, viewOf(rw, name)!.x, rank) : turned(rw, name, perm)));
  showBelow(rw, node, { op: "transpose", map: perm }, inputs, node.op === "concat" ? { axis: perm[node.attributes.axis]! } : node.attributes);
  return true;
}

const ranked = (rw: Rewriter, name: string, rank: number): string => {
  const shape = rw.shape(name), ones = Array.from({ length: rank - shape.length }, () => 1);
  return ones.length ? rw.add("reshape", [name], { shape: [...ones, ...shape] }, { stem: name, like: rw.tensor(name) }) : name;
};

/** An operand as the operator sees it before the transpose `perm`. */
function turned(rw: Rewriter, name: string, perm: readonly number[]): string {
  if (rw.constant(name)?.data.length === 1 && rw.shape(name).length === 0) return name;
  const full = ranked(rw, name, perm.length), undo = inverse(perm), shape = rw.shape(full), like = rw.tensor(name);
  if (keepsOrder(shape, undo)) return rw.add("reshape", [full], { shape: permuted(shape, undo) }, { stem: name, like });
  return rw.add("transpose", [full], { perm: undo }, { stem: name, like });
}

/** Turning it moves nothing, or is done already, or undoes another transpose. */
function isFree(rw: Rewriter, name: string, perm: readonly number[]): boolean {
  const shape = rw.shape(name), lead = perm.length - shape.length, undo = inverse(perm);
  if (keepsOrder([...Array.from({ length: lead }, () => 1), ...shape], undo)) return true;
  return lead === 0 && rw.readersOf(name).some((n) => n.op === "transpose" && equal(n.attributes.perm, undo));
}

const allReadersUndo = (rw: Rewriter, name: string, perm: readonly number[]): boolean =>
  !rw.isEnd(name) && rw.readersOf(name).length > 0 && rw.readersOf(name).every((n) => n.op === "transpose" && isIdentity(compose(perm, n.attributes.perm)));


