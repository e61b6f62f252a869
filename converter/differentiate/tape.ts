/** What the rules of differentiation write on: the graph so far, and the gradient of every tensor reached. */
import { OctavoError } from "../ir/error.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import { sizeOf, tensorOf, type Node } from "../ir/graph.ts";
import { noClamp, type OpName } from "../ir/ops.ts";

/** Trainable tensors by name, each with the tensor that its gradient is added to. */
export type Parameters = ReadonlyMap<string, string>;

/** What a rule gets: the node and the gradient of each of its outputs, undefined where nothing depends on one. */
export type Rule<K extends OpName> = (node: Node<K>, dys: readonly (string | undefined)[], tape: Tape) => void;
export type Rules = { [K in OpName]?: Rule<K> };

export class Tape {
  readonly b: GraphBuilder;
  private readonly gradients = new Map<string, string>();
  /** Where the next gradient of a parameter is added. */
  private readonly sums: Map<string, string>;
  private readonly reached: ReadonlySet<string>;

  /** @param reached tensors that depend on a parameter: only these get gradients */
  constructor(b: GraphBuilder, parameters: Parameters, reached: ReadonlySet<string>) {
    this.b = b;
    this.sums = new Map(parameters);
    this.reached = reached;
  }

  shape(name: string): number[] {
    return tensorOf(this.b.graph, name).shape;
  }

  needs(name: string | undefined): name is string {
    return name !== undefined && this.reached.has(name);
  }

  of(name: string): string | undefined {
    return this.gradients.get(name);
  }

  /** Adds what `gradient` writes to the gradient of `x`; nothing is written where x has none. */
  pass(x: string | undefined, gradient: () => string): void {
    if (!this.needs(x)) return;
    if (this.sums.has(x)) return this.sum(x, (acc) => this.b.add("accumulate", [acc, this.shaped(gradient(), this.shape(acc))], {}));
    const before = this.gradients.get(x), own = gradient();
    this.gradients.set(x, before ? this.b.add("add", [before, own], { clamp: noClamp }) : own);
  }

  /**
   * Adds the gradient of a parameter where it stands: `add` gets the sum so far, in `shape`, and returns the sum behind it.
   * A tensor that is no parameter has no gradient of this kind: frozen weights.
   */
  sum(x: string | undefined, add: (acc: string) => string, shape?: readonly number[]): void {
    if (!this.needs(x)) return;
    const parameter = this.parameterBehind(x), acc = this.sums.get(parameter);
    if (acc === undefined) throw new OctavoError("ERR_OCTAVO_OPERATOR", `the weights "${x}" are computed by the model, expected constants.`);
    this.sums.set(parameter, add(shape ? this.shaped(acc, shape) : acc));
  }

  isParameter(x: string): boolean {
    return this.sums.has(this.parameterBehind(x));
  }

  /** The same values in another shape. */
  shaped(x: string, shape: readonly number[]): string {
    return same(this.shape(x), shape) ? x : this.b.add("reshape", [x], { shape: [...shape] });
  }

  /** Sums over the axes along which `dy` was broadcast. */
  unbroadcast(dy: string, shape: readonly number[]): string {
    const from = this.shape(dy), lead = from.length - shape.length;
    const axes = from.flatMap((d, axis) => (axis < lead || (shape[axis - lead] === 1 && d !== 1) ? [axis] : []));
    return this.shaped(axes.length ? this.b.add("reduceSum", [dy], { axes, keepDims: true }) : dy, shape);
  }

  zeros(shape: readonly number[]): string {
    return this.b.add("expand", [this.b.scalar(0)], { shape: [...shape] });
  }

  /** `count` of the indices of one axis, from `first` on. */
  part(x: string, axis: number, first: number, count: number): string {
    const shape = this.shape(x), at = (value: number, other: number[]) => other.map((v, i) => (i === axis ? value : v));
    return this.b.add("slice", [x], { starts: at(first, shape.map(() => 0)), steps: shape.map(() => 1), sizes: at(count, shape) });
  }

  scaled(x: string, by: number): string {
    return this.b.add("affine", [x], { alpha: by, beta: 0 });
  }

  times(a: string, c: string): string {
    return this.b.add("mul", [a, c], { clamp: noClamp });
  }

  /** Rounding of weights to their grid passes gradients through: the parameter is behind. */
  private parameterBehind(x: string): string {
    const node = this.b.graph.nodes.find((n) => n.op === "fakeQuantRows" && n.outputs[0] === x);
    return node ? node.inputs[0]! : x;
  }
}

const same = (a: readonly number[], c: readonly number[]) => a.length === c.length && a.every((d, i) => d === c[i]);

/** Elements per index of the last axis. */
export const rowsOf = (shape: readonly number[]): number => sizeOf(shape.slice(0, -1));
