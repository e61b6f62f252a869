/** What an operator's function sees of its TensorFlow node: inputs by their names in the graph, attributes by type. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { DType } from "../../ir/graph.ts";
import { entry, isObject, type Json, type JsonObject } from "../wire/json.ts";

export type Operator = (n: TfNode, g: GraphBuilder) => string | string[];

export const typeNames: Record<string, DType> = {
  DT_FLOAT: "float32", DT_DOUBLE: "float32", DT_HALF: "float32", DT_INT32: "int32", DT_INT64: "int32", DT_BOOL: "bool", DT_INT8: "int8",
  DT_UINT8: "uint8", DT_INT16: "int16",
};
/** Types as numbers, in older files. */
const typeNumbers = ["", "DT_FLOAT", "DT_DOUBLE", "DT_INT32", "DT_UINT8", "DT_INT16", "DT_INT8", "DT_STRING", "DT_COMPLEX64", "DT_INT64", "DT_BOOL"];

export class TfNode {
  readonly op: string;
  readonly inputs: readonly string[];
  private readonly attributes: JsonObject;
  private readonly g: GraphBuilder;

  constructor(node: JsonObject, inputs: readonly string[], g: GraphBuilder) {
    this.op = String(node.op);
    this.inputs = inputs;
    this.attributes = isObject(node.attr) ? node.attr : {};
    this.g = g;
  }

  input(i: number): string {
    return this.inputs[i] ?? this.g.fail(`input ${i} is missing`, "Convert the model again.", "ERR_OCTAVO_FORMAT");
  }

  has(name: string): boolean {
    return isObject(this.attributes[name]);
  }

  bool(name: string, otherwise = false): boolean {
    const b = this.field(name, "b");
    return b === undefined ? otherwise : b === true;
  }

  /** Whole numbers are written as texts. */
  int(name: string, otherwise: number): number {
    const i = this.field(name, "i");
    return i === undefined ? otherwise : this.whole(name, i);
  }

  float(name: string, otherwise: number): number {
    const f = this.field(name, "f");
    return f === undefined ? otherwise : Number(f);
  }

  /** Texts are in base64. */
  string(name: string, otherwise: string): string {
    const s = this.field(name, "s");
    return s === undefined ? otherwise : decode(s);
  }

  dtype(name: string, otherwise: DType): DType {
    const type = this.field(name, "type"), key = typeof type === "number" ? (typeNumbers[type] ?? "") : String(type);
    return type === undefined ? otherwise : (entry(typeNames, key) ?? this.g.fail(`its type is ${key}, expected a number`, "Convert the model without it."));
  }

  ints(name: string): number[] | undefined {
    const list = this.list(name, "i");
    return list?.map((v) => this.whole(name, v));
  }

  strings(name: string): string[] {
    return this.list(name, "s")?.map(decode) ?? [];
  }

  /** Sizes of a shape attribute, -1 where free; undefined for an unknown rank. */
  shape(name: string): number[] | undefined {
    const shape = this.field(name, "shape");
    if (!isObject(shape) || shape.unknownRank === true) return undefined;
    return (Array.isArray(shape.dim) ? shape.dim : []).map((d) => (isObject(d) ? Number(d.size ?? 0) : -1));
  }

  private list(name: string, kind: string): Json[] | undefined {
    const list = this.field(name, "list");
    return isObject(list) && Array.isArray(list[kind]) ? list[kind] : undefined;
  }

  private field(name: string, kind: string): Json | undefined {
    const attribute = this.attributes[name];
    return isObject(attribute) ? attribute[kind] : undefined;
  }

  private whole(name: string, value: Json): number {
    const n = Number(value);
    return Number.isSafeInteger(n) ? n : this.g.fail(`${name} is ${JSON.stringify(value)}, expected a whole number`, "", "ERR_OCTAVO_FORMAT");
  }
}

function decode(s: Json): string {
  if (Array.isArray(s)) return String.fromCharCode(...s.map(Number));
  try {
    return atob(String(s));
  } catch {
    return String(s);
  }
}
