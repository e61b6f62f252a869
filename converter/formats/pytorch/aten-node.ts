/** What an operator's function sees of a node of torch.export: arguments by name, tensors by their names in the graph. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { scalar } from "../onnx/write.ts";
import { isObject, type Json } from "../wire/json.ts";

/** Tensors are objects, so that they cannot be taken for texts. */
export interface TensorArgument { tensor: string }
export type Argument = TensorArgument | number | boolean | string | null | Argument[];
/** A result: a tensor, a number (a size), a list of tensors, or nothing. */
export type Result = string | number | null | Result[];
export type Operator = (n: AtenNode, g: GraphBuilder) => Result;

export const isTensor = (a: Argument | undefined): a is TensorArgument => typeof a === "object" && a !== null && !Array.isArray(a);

/** @param lookup a name of the file → what it stands for */
export function readArgument(json: Json | undefined, lookup: (name: string) => Argument, fail: (problem: string) => never): Argument {
  if (!isObject(json)) return fail("an argument has no value");
  const [kind, value] = Object.entries(json)[0] ?? ["as_none", null];
  const named = (v: Json): Argument => (isObject(v) && typeof v.name === "string" ? lookup(v.name) : fail("a tensor has no name"));
  switch (kind) {
    case "as_tensor": return named(value);
    case "as_tensors": return (Array.isArray(value) ? value : []).map(named);
    case "as_optional_tensor": return readArgument(value, lookup, fail);
    case "as_optional_tensors": return (Array.isArray(value) ? value : []).map((v) => readArgument(v, lookup, fail));
    case "as_sym_int": case "as_sym_float": case "as_sym_bool": return symbol(value, lookup, fail);
    case "as_sym_ints": return (Array.isArray(value) ? value : []).map((v) => symbol(v, lookup, fail));
    case "as_name": return lookup(String(value));
    case "as_none": return null;
    case "as_int": case "as_float": return typeof value === "number" ? value : Number(value);
    case "as_bool": return value === true;
    case "as_string": return String(value);
    case "as_ints": case "as_floats": case "as_bools": case "as_strings": return (Array.isArray(value) ? value : []) as Argument[];
    case "as_scalar_type": case "as_memory_format": case "as_layout": return Number(value);
    case "as_device": return null;
    default: return fail(`an argument is of kind ${kind}`);
  }
}

const symbol = (json: Json, lookup: (name: string) => Argument, fail: (problem: string) => never): Argument => readArgument(json, lookup, fail);

export class AtenNode {
  /** "conv2d.default" */
  readonly target: string;
  readonly results: number;
  /** Recurrent layers keep their states from run to run. */
  readonly stateful: boolean;
  private readonly args: ReadonlyMap<string, Argument>;
  private readonly g: GraphBuilder;

  constructor(target: string, args: ReadonlyMap<string, Argument>, results: number, g: GraphBuilder, stateful = false) {
    this.target = target;
    this.stateful = stateful;
    this.args = args;
    this.results = results;
    this.g = g;
  }

  get(name: string): Argument | undefined {
    return this.args.get(name);
  }

  /** An argument that the model gives, not null. */
  has(name: string): boolean {
    const value = this.args.get(name);
    return value !== undefined && value !== null;
  }

  tensor(name: string): string {
    const value = this.args.get(name);
    return isTensor(value) ? value.tensor : this.wrong(name, "a tensor");
  }

  /** "" where it is absent. */
  optional(name: string): string {
    return this.has(name) ? this.tensor(name) : "";
  }

  /** A tensor, or a number as a constant. */
  operand(name: string): string {
    const value = this.args.get(name);
    return typeof value === "number" || typeof value === "boolean" ? scalar(this.g, Number(value)) : this.tensor(name);
  }

  tensors(name: string): string[] {
    const value = this.args.get(name);
    return Array.isArray(value) && value.every(isTensor) ? value.map((t) => (t as TensorArgument).tensor) : this.wrong(name, "a list of tensors");
  }

  number(name: string, otherwise?: number): number {
    const value = this.has(name) ? this.args.get(name) : otherwise;
    return typeof value === "number" ? value : this.wrong(name, "a number");
  }

  /** "To the end" is 2^63 − 1, which is no exact number here. */
  int(name: string, otherwise?: number): number {
    const value = this.number(name, otherwise);
    return Number.isInteger(value) ? value : this.wrong(name, "a whole number");
  }

  ints(name: string, otherwise?: number[]): number[] {
    const value = this.has(name) ? this.args.get(name) : otherwise, list = Array.isArray(value) ? value : [value];
    return list.every((v) => Number.isSafeInteger(v)) ? (list as number[]) : this.wrong(name, "whole numbers");
  }

  bool(name: string, otherwise = false): boolean {
    const value = this.has(name) ? this.args.get(name) : otherwise;
    return typeof value === "boolean" || typeof value === "number" ? Boolean(value) : this.wrong(name, "true or false");
  }

  string(name: string, otherwise: string): string {
    const value = this.has(name) ? this.args.get(name) : otherwise;
    return typeof value === "string" ? value : this.wrong(name, "a text");
  }

  wrong(name: string, expected: string): never {
    return this.g.fail(`its argument ${name} is ${JSON.stringify(this.args.get(name)) ?? "missing"}, expected ${expected}`,
      "Export the model again.", "ERR_OCTAVO_FORMAT");
  }
}

