/** What an operator's function sees of its node: inputs by their names in the graph, attributes by name and type. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { AttributeProto, GraphProto, NodeProto } from "./proto.ts";
import { readSparse, readTensor, type Value } from "./tensor.ts";

/** Reads one operator: adds its nodes and returns the tensors that are its outputs, in order. */
export type Operator = (n: OnnxNode, g: GraphBuilder) => string | string[];
export type Operators = Record<string, Operator>;

/** Reads the nodes of a body (of If, Loop, Scan) with `inputs` as its inputs; returns its outputs. */
export type Inline = (body: GraphProto, inputs: string[]) => string[];

const text = new TextDecoder();

export class OnnxNode {
  readonly op: string;
  /** Version of the operator set that the model says for this node's domain. */
  readonly opset: number;
  /** Names in the graph; "" is absent. */
  readonly inputs: readonly string[];
  /** Names in the file; "" is not wanted. */
  readonly outputs: readonly string[];
  readonly inline: Inline;
  private readonly builder: GraphBuilder;
  private readonly attributes: Map<string, AttributeProto>;

  constructor(proto: NodeProto, opset: number, inputs: string[], builder: GraphBuilder, inline: Inline) {
    this.op = proto.opType ?? "";
    this.opset = opset;
    this.inputs = inputs;
    this.outputs = proto.output ?? [];
    this.builder = builder;
    this.inline = inline;
    this.attributes = new Map((proto.attribute ?? []).map((a) => [a.name ?? "", a]));
  }

  /** Input `i`, which must be there. */
  input(i: number): string {
    return this.inputs[i] || this.builder.fail(`input ${i} is missing`, "Export the model again.", "ERR_OCTAVO_FORMAT");
  }

  /** Input `i`, or "" where it is absent. */
  optional(i: number): string {
    return this.inputs[i] ?? "";
  }

  /** Whether somebody reads output `i`. */
  wants(i: number): boolean {
    return Boolean(this.outputs[i]);
  }

  has(name: string): boolean {
    return this.attributes.has(name);
  }

  int(name: string, otherwise?: number): number {
    const a = this.attribute(name, otherwise);
    return a ? (a.i ?? 0) : otherwise!;
  }

  float(name: string, otherwise?: number): number {
    const a = this.attribute(name, otherwise);
    return a ? (a.f ?? 0) : otherwise!;
  }

  string(name: string, otherwise?: string): string {
    const a = this.attribute(name, otherwise);
    return a ? text.decode(a.s ?? new Uint8Array()) : otherwise!;
  }

  ints(name: string): number[] | undefined {
    const a = this.attributes.get(name);
    return a && Array.from(a.ints ?? [], Number);
  }

  floats(name: string): number[] | undefined {
    const a = this.attributes.get(name);
    return a && Array.from(a.floats ?? [], Number);
  }

  strings(name: string): string[] | undefined {
    return this.attributes.get(name)?.strings?.map((s) => text.decode(s));
  }

  tensor(name: string): Value | undefined {
    const t = this.attributes.get(name)?.t;
    return t && readTensor(t, this.builder.where);
  }

  sparse(name: string): Value | undefined {
    const t = this.attributes.get(name)?.sparseTensor;
    return t && readSparse(t, this.builder.where);
  }

  graph(name: string): GraphProto {
    return this.attribute(name)!.g ?? this.builder.fail(`attribute "${name}" is no graph`, "", "ERR_OCTAVO_FORMAT");
  }

  /** The attribute as the file has it. */
  raw(name: string): AttributeProto | undefined {
    return this.attributes.get(name);
  }

  /** Refuses values of attributes that the operator's function does not cover. */
  expect(values: Record<string, number | string>): void {
    for (const [name, expected] of Object.entries(values)) {
      const found = typeof expected === "number" ? this.number(name, expected) : this.string(name, expected);
      if (found !== expected) this.builder.fail(`${name} is ${found}, expected ${expected}`, "Export the model without it.");
    }
  }

  private number(name: string, otherwise: number): number {
    const a = this.attributes.get(name);
    return a ? (a.f ?? a.i ?? 0) : otherwise;
  }

  private attribute(name: string, otherwise?: unknown): AttributeProto | undefined {
    const a = this.attributes.get(name);
    if (!a && otherwise === undefined) this.builder.fail(`attribute "${name}" is missing`, "Export the model again.", "ERR_OCTAVO_FORMAT");
    return a;
  }
}
