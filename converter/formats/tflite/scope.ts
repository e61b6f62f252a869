/** One subgraph being read: tensor numbers on the file's side, names on the graph's. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf, type Tensor } from "../../ir/graph.ts";
import type { ReadOptions } from "../reader.ts";
import type { TfliteModel, TfliteOperator, TfliteSubgraph, TfliteTensor } from "./schema.ts";
import { checkedShape, decode, dtypeOf, quantizationOf } from "./tensors.ts";

/** A resource variable: what READ_VARIABLE gives now, and what it held before the first operator. */
export interface Variable { value: string; initial: Tensor | undefined; state: string }

/** Bounds of what one file may ask for. */
export interface Budget {
  /** Bytes of constants and states that may still be allocated. */
  bytes: number;
  /** Operators that may still be read: loops and calls repeat theirs. */
  operators: number;
  /** Calls of subgraphs so far. */
  calls: number;
}

/** What all subgraphs of one model share. */
export interface Reading {
  model: TfliteModel;
  graph: GraphBuilder;
  options: ReadOptions;
  /** Resource variables by container and name. */
  variables: Map<string, Variable>;
  /** Those that the model assigns after its initialisation. */
  assigned: ReadonlySet<string>;
  budget: Budget;
}

export interface Scope extends Reading {
  subgraph: TfliteSubgraph;
  /** Name in the graph of each tensor that is there. */
  names: Map<number, string>;
  /** Names that the subgraph's tensors are to have, by number. */
  planned: string[];
  /** Variable that a resource tensor stands for. */
  handles: Map<number, string>;
  /** Operators that read each tensor. */
  readers: Map<number, TfliteOperator[]>;
  /** Convolutions written between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, by operator. */
  dilated: Map<TfliteOperator, DilatedConv>;
  /** How deep calls are nested. */
  depth: number;
  /** Whether this is the part that gives variables their first values. */
  initialising: boolean;
}

/** Rows and columns of padding around the undilated picture: [top, left, bottom, right], negative ones crop. */
export interface DilatedConv { dilation: [number, number]; pad: [number, number, number, number] }

export const damaged = "The file is damaged: export or download it again.";

export function tensorAt(scope: Scope, index: number): TfliteTensor {
  return scope.subgraph.tensors[index] ??
    scope.graph.fail(`it names tensor ${index}, expected one of ${scope.subgraph.tensors.length}`, damaged, "ERR_OCTAVO_FORMAT");
}

/** The graph's name of a tensor that is computed, given or constant; undefined when nothing has written it. */
export function nameOf(scope: Scope, index: number): string | undefined {
  const known = scope.names.get(index);
  if (known !== undefined) return known;
  const t = tensorAt(scope, index);
  const stored = scope.model.buffers[t.buffer];
  const empty = t.shape.length > 0 && sizeOf(t.shape) === 0;
  if (t.isVariable || (!stored?.length && !empty)) return undefined;
  spend(scope, sizeOf(checkedShape(t)));
  const quantization = quantizationOf(t), data = decode(t, stored ?? new Uint8Array());
  const name = scope.graph.constant(scope.planned[index]!, dtypeOf(t), checkedShape(t), data, quantization);
  scope.names.set(index, name);
  return name;
}

/** What goes into a subgraph or comes out of one: a tensor's name, or the variable that a resource stands for. */
export interface Passed { name: string; handle: string }

export function pass(scope: Scope, index: number, { name, handle }: Passed): void {
  if (handle) scope.handles.set(index, handle);
  else scope.names.set(index, name);
}

export function passed(scope: Scope, index: number): Passed {
  const handle = scope.handles.get(index);
  if (handle !== undefined) return { name: "", handle };
  const name = nameOf(scope, index);
  if (name === undefined) scope.graph.fail(`tensor "${tensorAt(scope, index).name}" is read before anything wrote it`, damaged, "ERR_OCTAVO_FORMAT");
  return { name: name!, handle: "" };
}

/** Counts what is allocated while reading: several tensors may share one buffer, states have none. */
export function spend(scope: Scope, elements: number): void {
  scope.budget.bytes -= 8 * elements;
  if (!(scope.budget.bytes >= 0)) {
    scope.graph.fail("constants and states are far larger than the file", "Store each constant once, and give states their size.", "ERR_OCTAVO_FORMAT");
  }
}
