/**
 * Views share their elements with what they are taken of, and a graph has values only: a view that is changed in place
 * would have to change the others. Such a model is refused where one of the others is read afterwards.
 */
import type { GraphBuilder } from "../../ir/builder.ts";

export interface AtenCall { name: string; op: string; inputs: string[]; outputs: string[] }

/** Where a tensor lies in the one it is taken of: which result of each call that has several. */
type Path = { call: AtenCall; result: number }[];

const views = new Set([
  "view", "reshape", "_reshape_alias", "flatten", "unflatten", "permute", "transpose", "swapaxes", "t", "numpy_T", "unsqueeze", "squeeze", "split",
  "split_with_sizes", "chunk", "unbind", "select", "slice", "narrow", "movedim", "expand", "expand_as", "broadcast_to", "unfold", "alias", "detach",
]);
/** `squeeze_` gives a tensor another shape and no other values. */
const isView = (op: string): boolean => views.has(op.replace(/_$/, ""));
const changesInPlace = (op: string): boolean => /[^_]_$/.test(op) && !isView(op);

interface Known { root: string; path: Path }

/** Paths end here, and what is deeper counts as one; no file compares more views than this. */
const DEEPEST = 16, MOST = 2 ** 20;

/** @param outputs names of tensors that the model gives */
export function refuseWritesToViews(g: GraphBuilder, calls: readonly AtenCall[], outputs: readonly string[]): void {
  const known = new Map<string, Known>(), sharing = new Map<string, Set<string>>(), changed = new Map<string, AtenCall>();
  let left = MOST;
  const add = (name: string, at: Known) => void (known.set(name, at), sharing.get(at.root)!.add(name));
  const of = (name: string): Known => known.get(name) ?? (sharing.set(name, new Set([name])), known.set(name, { root: name, path: [] }).get(name)!);
  const change = (name: string, call: AtenCall) => void (changed.set(name, call), sharing.get(of(name).root)!.delete(name));
  const check = (names: readonly string[]) => names.forEach((name) => changed.has(name) && refuse(g, name, changed.get(name)!));
  for (const call of calls) {
    check(call.inputs);
    const source = call.inputs[0];
    if (source === undefined) continue;
    const at = of(source), group = sharing.get(at.root)!;
    if (changesInPlace(call.op)) {
      if ((left -= group.size) < 0) g.fail(`it changes more than ${MOST} views in place`, remedy);
      for (const name of [...group]) if (name !== source && overlap(of(name).path, at.path)) change(name, call);
      for (const name of call.outputs) add(name, at);
      group.delete(source);
    } else if (isView(call.op)) call.outputs.forEach((name, result) =>
      add(name, call.outputs.length > 1 ? { root: at.root, path: [...at.path, { call, result }].slice(0, DEEPEST) } : at));
  }
  check(outputs);
}

/** Different results of one call have no element in common. */
function overlap(a: Path, b: Path): boolean {
  const at = a.findIndex((step, i) => step.call !== b[i]?.call || step.result !== b[i].result);
  return at < 0 || a[at]!.call !== b[at]?.call;
}

const remedy = "Save exported_program.run_decompositions({}), which has no such changes, or write the model without them.";

function refuse(g: GraphBuilder, name: string, { name: writer, op }: AtenCall): never {
  g.where = `node "${writer}" (${op})`;
  return g.fail(`it changes a view in place, and "${name}", which shares its elements, is read afterwards`, remedy);
}
