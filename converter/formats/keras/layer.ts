/** What the function of a layer sees: its configuration, its variables, and the graph it writes to. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf } from "../../ir/graph.ts";
import { transpose as permute } from "../../ir/eval/shape.ts";
import type { ReadOptions } from "../reader.ts";
import type { Json, JsonObject } from "../wire/json.ts";
import type { Config } from "./config.ts";
import type { Variables, Weight } from "./variables.ts";

/** `make` once, when `made` is missing. */
export interface Mask { made?: string; make: () => string }

/** Of the whole conversion. */
export interface Context {
  g: GraphBuilder;
  /** 3 for Keras 3; 2 for Keras 2 and TF.js, whose hard_sigmoid is another function. */
  keras: number;
  options: ReadOptions;
  /** Masks of sequences by tensor: [N,T], 1 where a step counts; made when somebody needs them. */
  masks: Map<string, Mask>;
  /** Constants made of variables, so that a layer that is called twice has its weights once. */
  constants: Map<string, string>;
}

export interface Layer {
  className: string;
  name: string;
  config: Config;
  variables: Variables;
  context: Context;
  g: GraphBuilder;
  /** What it is called with, in order: the tensors of `inputs` and what else stands between them. */
  operands: Operand[];
  /** What it is called with by keyword, e.g. initial_state. */
  keywords: Record<string, Operand>;
  /** Applies the layer that a wrapper holds; `role` is where its variables are. */
  inner: (json: JsonObject, role: string, inputs: string[]) => string[];
}

export type Operand = { tensor: string } | { value: Json } | Operand[];

/** The tensors in an operand. */
export const tensorsIn = (operand: Operand | undefined): string[] =>
  operand === undefined ? [] : Array.isArray(operand) ? operand.flatMap(tensorsIn) : "tensor" in operand ? [operand.tensor] : [];

/** Adds the nodes of one call; returns its outputs. */
export type LayerFunction = (l: Layer, inputs: string[]) => string | string[];

/**
 * The variables of a layer.
 * @param shapes by name, in Keras' order; -1 fits any size, false is a variable that the layer does not have
 */
export function variablesOf<K extends string>(l: Layer, shapes: Record<K, number[] | false>, from: Variables = l.variables): Record<K, Weight> {
  const names = (Object.keys(shapes) as K[]).filter((name) => shapes[name]), found = from.take(names);
  names.forEach((name, i) => checkVariable(l, name, shapes[name] as number[], found[i]));
  return Object.fromEntries(names.map((name, i) => [name, found[i]])) as Record<K, Weight>;
}

function checkVariable(l: Layer, name: string, expected: number[], found: Weight | undefined): void {
  if (!found) {
    return l.g.fail(`its variable "${name}" is missing from the file`,
      "Save the whole model again, as .keras if layers of nested models were renamed.", "ERR_OCTAVO_FORMAT");
  }
  const fits = found.shape.length === expected.length && expected.every((d, i) => d === -1 || d === found.shape[i]);
  if (!fits) {
    l.g.fail(`its variable "${name}" has shape [${found.shape.join(",")}], expected [${expected.map((d) => (d < 0 ? "?" : d)).join(",")}]`,
      "Save the model again.", "ERR_OCTAVO_SHAPE");
  }
}

/** A variable as a constant, axes in the order of `perm`, then in `shape`. */
export function constantOf(l: Layer, w: Weight, perm?: readonly number[], shape?: number[]): string {
  const moved = perm ? perm.map((p) => w.shape[p]!) : w.shape, target = shape ?? moved;
  const key = `${w.name} ${perm?.join() ?? ""} ${target.join()}`, known = l.context.constants.get(key);
  if (known !== undefined) return known;
  const name = l.g.constant(`${l.name}/${w.name.split("/").at(-1)!.replace(/:\d+$/, "")}`, "float32", target, perm ? permuted(w, perm) : w.data);
  l.context.constants.set(key, name);
  return name;
}

/** Elements of a variable with its axes in another order. */
export function permuted(w: { shape: number[]; data: Float32Array }, perm: readonly number[]): Float32Array {
  const shape = perm.map((p) => w.shape[p]!), data = new Float32Array(sizeOf(shape));
  permute({ perm: [...perm] }, [{ dtype: "float32", shape: w.shape, data: w.data }], [{ dtype: "float32", shape, data }]);
  return data;
}

/** A shape with as many axes as one of `ranks`. */
export function ranked(l: Layer, x: string, ...ranks: number[]): number[] {
  const shape = l.g.shape(x);
  return ranks.includes(shape.length) ? shape
    : l.g.fail(`its input has shape [${shape.join(",")}], expected ${ranks.join(" or ")} axes`, "", "ERR_OCTAVO_SHAPE");
}

/** The only input. */
export const single = (l: Layer, inputs: string[]): string =>
  inputs.length === 1 ? inputs[0]! : l.g.fail(`it has ${inputs.length} inputs, expected 1`, "", "ERR_OCTAVO_FORMAT");
