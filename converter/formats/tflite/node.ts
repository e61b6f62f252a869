/** One operator being read: its inputs by their names in the graph, its options by name and type. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { freshName, sizeOf, tensorOf, type DType, type Quantization, type TypedArray } from "../../ir/graph.ts";
import type { Attributes, Clamp, OpName } from "../../ir/ops.ts";
import { activationNames, type TfliteOperator, type TfliteTensor } from "./schema.ts";
import { damaged, passed, spend, tensorAt, type Scope } from "./scope.ts";
import { dtypeOf, faultOf, quantizationOf, show, transposed } from "./tensors.ts";

export class TfliteNode {
  readonly operator: TfliteOperator;
  readonly scope: Scope;

  constructor(operator: TfliteOperator, scope: Scope) {
    this.operator = operator;
    this.scope = scope;
  }

  get graph(): GraphBuilder {
    return this.scope.graph;
  }

  has(i: number): boolean {
    return (this.operator.inputs[i] ?? -1) >= 0;
  }

  /** Tensor of input `i` as the file describes it. */
  source(i: number): TfliteTensor {
    if (!this.has(i)) this.damaged(`input ${i} is missing, found ${this.operator.inputs.length} inputs`);
    return tensorAt(this.scope, this.operator.inputs[i]!);
  }

  /** Tensor of output `i` as the file describes it. */
  target(i = 0): TfliteTensor {
    const index = this.operator.outputs[i];
    if (index === undefined) this.damaged(`output ${i} is missing, found ${this.operator.outputs.length} outputs`);
    return tensorAt(this.scope, index!);
  }

  /** Input `i` as it is stored. */
  stored(i: number): string {
    this.source(i);
    return passed(this.scope, this.operator.inputs[i]!).name || this.damaged(`input ${i} is a variable, expected a tensor`);
  }

  /** Input `i`; a quantized one that a float operator reads (hybrid models) comes through `dequantize`. */
  input(i: number): string {
    return this.operator.outputs.length && this.target().type === "float32" ? this.real(i) : this.stored(i);
  }

  /** Whether the operator multiplies the float input `x` with the int8 weights `i`, and is to be read as that. */
  isHybrid(i: number, x = 0): boolean {
    const w = tensorOf(this.graph.graph, this.stored(i));
    return (this.scope.options.hybrid ?? false) && this.dtype(this.stored(x)) === "float32" && w.dtype === "int8" && w.data !== undefined && (w.quantization?.zeroPoint.every((z) => z === 0) ?? false);
  }

  /** "" when the input is absent. */
  optional(i: number): string {
    return this.has(i) ? this.input(i) : "";
  }

  /** Input `i` in float where it is quantized: for operators that several nodes stand for. */
  real(i: number): string {
    const name = this.stored(i);
    return this.quantization(name) ? this.graph.add("dequantize", [name], {}) : name;
  }

  /** Whether input `i` depends on constants only. */
  isFixed(i: number): boolean {
    return this.graph.isFixed(this.stored(i));
  }

  inputs(): string[] {
    return this.operator.inputs.map((_, i) => this.input(i));
  }

  shape(name: string): number[] {
    return this.graph.shape(name);
  }

  dtype(name: string): DType {
    return tensorOf(this.graph.graph, name).dtype;
  }

  quantization(name: string): Quantization | undefined {
    return tensorOf(this.graph.graph, name).quantization;
  }

  /** Sizes of a tensor that must have `rank` axes. */
  ranked(name: string, rank: number, what = "input"): number[] {
    const shape = this.shape(name);
    if (shape.length !== rank) this.graph.fail(`its ${what} has shape ${show(shape)}, expected ${rank} axes`, "", "ERR_OCTAVO_SHAPE");
    return shape;
  }

  /** `axis` counted from the start, where the file may count from the end. */
  axis(axis: number, rank: number): number {
    if (!(axis >= -rank && axis < rank)) this.damaged(`axis is ${axis}, expected ${-rank} to ${rank - 1}`);
    return axis < 0 ? axis + rank : axis;
  }

  /** Value of an input that must be known at conversion. */
  value(i: number): TypedArray {
    const name = this.stored(i);
    const data = this.graph.valueOf(name)?.data;
    return data ?? this.fail(`input ${i}, tensor "${this.source(i).name}", depends on the model's inputs, expected a constant`, "Export the model with fixed shapes.");
  }

  /** The same, as a short list of integers: shapes, axes, paddings. */
  integers(i: number): number[] {
    const tensor = tensorOf(this.graph.graph, this.stored(i));
    if (sizeOf(tensor.shape) > 4096) this.fail(`input ${i} has ${sizeOf(tensor.shape)} values, expected a short list of sizes`);
    const values = [...this.value(i)];
    if (tensor.dtype === "float32" || !values.every(Number.isSafeInteger)) this.damaged(`input ${i} is of type ${tensor.dtype}, expected integers`);
    return values;
  }

  /** Adds a node for one step of the operator. Its result has the dtype of its input, and its quantization when it only moves data. */
  step<K extends OpName>(op: K, inputs: string[], attributes: Attributes<K>, quantization?: Quantization): string {
    const name = this.graph.add(op, inputs, attributes, [], quantization && { dtype: this.dtype(inputs[0]!), quantization });
    this.bounded(name);
    return name;
  }

  /** A step that only moves data: the quantization stays. */
  move<K extends "reshape" | "transpose" | "slice" | "gather" | "pad" | "tile" | "expand">(op: K, inputs: string[], attributes: Attributes<K>): string {
    return this.step(op, inputs, attributes, this.quantization(inputs[0]!));
  }

  reshape(x: string, shape: number[]): string {
    return this.shape(x).join() === shape.join() ? x : this.move("reshape", [x], { shape });
  }

  /** Constants are transposed at once. */
  transpose(x: string, perm: number[]): string {
    if (perm.every((p, i) => p === i)) return x;
    const { name, dtype, shape, data, quantization: q } = tensorOf(this.graph.graph, x);
    const turned = q && { ...q, axis: q.scale.length > 1 ? perm.indexOf(q.axis) : 0 };
    if (!data) return this.step("transpose", [x], { perm }, turned);
    return this.graph.constant(`${name}_transposed`, dtype, perm.map((p) => shape[p]!), transposed(data, shape, perm), turned);
  }

  /**
   * Adds the node that writes output `which`, under the name, type and quantization that the file gives it. Where the
   * inputs are float and the file's output is quantized, a `quantize` follows.
   */
  emit<K extends OpName>(op: K, inputs: string[], attributes: Attributes<K>, which = 0): string {
    const t = this.target(which);
    const quantization = quantizationOf(t);
    const floating = op !== "quantize" && quantization !== undefined && inputs.every((i) => !i || this.dtype(i) === "float32");
    const name = this.fresh(this.outputName(which));
    if (floating) this.graph.add("quantize", [this.step(op, inputs, attributes)], {}, [name], { dtype: dtypeOf(t), quantization });
    else this.graph.add(op, inputs, attributes, [name], quantization && { dtype: dtypeOf(t), quantization });
    this.bounded(name);
    this.name(name, which);
    return name;
  }

  /** Name that output `which` is to have. */
  outputName(which = 0): string {
    return this.scope.planned[this.operator.outputs[which]!]!;
  }

  fresh(stem: string): string {
    return freshName(this.graph.graph, stem);
  }

  /** Output `which` is a tensor that is in the graph already. */
  name(name: string, which = 0): void {
    this.scope.names.set(this.operator.outputs[which]!, name);
  }

  /** Output `which` is a constant. */
  constant(dtype: DType, shape: number[], data: TypedArray, which = 0, quantization?: Quantization): void {
    this.name(this.graph.constant(this.outputName(which), dtype, shape, data, quantization), which);
  }

  /** A constant list of integers, at(0) to at(length − 1). */
  indices(stem: string, length: number, at: (i: number) => number): string {
    spend(this.scope, length);
    return this.graph.constant(stem, "int32", [length], Int32Array.from({ length }, (_, i) => at(i)));
  }

  fail(problem: string, remedy = ""): never {
    return this.graph.fail(problem, remedy, "ERR_OCTAVO_OPERATOR");
  }

  damaged(problem: string): never {
    return this.graph.fail(problem, damaged, "ERR_OCTAVO_FORMAT");
  }

  private bounded(name: string): void {
    const fault = faultOf(this.shape(name));
    if (fault) this.graph.fail(`its result has ${fault}`, "", "ERR_OCTAVO_SHAPE");
  }
}

export type OperatorTable = Record<string, (n: TfliteNode) => void>;

const clamps: Record<string, Clamp> = { NONE: [-Infinity, Infinity], RELU: [0, Infinity], RELU_N1_TO_1: [-1, 1], RELU6: [0, 6] };

/** Bounds of a fused activation. */
export function clampOf(n: TfliteNode, activation: number): Clamp {
  const name = activationNames[activation] ?? `activation ${activation}`;
  return clamps[name] ?? n.fail(`its fused activation is ${name}, expected ${Object.keys(clamps).join(", ")}`, "Write the activation as its own operator.");
}
