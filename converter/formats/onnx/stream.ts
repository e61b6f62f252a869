/** `stateful`: one time step per run; what recurrent operators end with is what they start with in the next run. */
import { modelError } from "../../ir/error.ts";
import { freshName, sizeOf, tensorOf, type Graph, type Node, type Tensor } from "../../ir/graph.ts";
import type { ReadOptions } from "../reader.ts";

type Recurrent = Node<"lstm" | "gru" | "rnn">;
const isRecurrent = (node: Node): node is Recurrent => node.op === "lstm" || node.op === "gru" || node.op === "rnn";
const stepsOf = (graph: Graph, node: Node): number => tensorOf(graph, node.inputs[0]!).shape[0]!;

/** Options under which the model takes one step: the axis 0 or 1 of an input that is as long as the recurrence becomes 1. */
export function oneStep(graph: Graph, options: ReadOptions): ReadOptions | undefined {
  const steps = new Set(graph.nodes.filter(isRecurrent).map((n) => stepsOf(graph, n)).filter((t) => t !== 1));
  const shapes = Object.fromEntries(graph.inputs.flatMap((name) => {
    const { shape } = tensorOf(graph, name), axis = shape.length > 1 ? shape.slice(0, 2).findIndex((d) => steps.has(d)) : -1;
    return axis < 0 ? [] : [[name, shape.map((d, a) => (a === axis ? 1 : d))]];
  }));
  return Object.keys(shapes).length ? { ...options, inputShapes: { ...options.inputShapes, ...shapes } } : undefined;
}

/** Makes every recurrent operator go on where it ended. States that the model takes as inputs are left to the caller. */
export function keepStates(graph: Graph): void {
  for (const node of graph.nodes.filter(isRecurrent)) {
    checkStream(graph, node);
    // Inputs are x w r b h0 and, of an LSTM, c0; outputs y h and c.
    for (const [input, output, part] of node.op === "lstm" ? [[4, 1, "h"], [5, 2, "c"]] as const : [[4, 1, "h"]] as const) keepState(graph, node, input, output, part);
  }
}

function checkStream(graph: Graph, node: Recurrent): void {
  const problem = node.attributes.direction !== "forward" ? "it reads time backwards too" : stepsOf(graph, node) !== 1 ? `it takes ${stepsOf(graph, node)} steps in a run` : "";
  if (problem)
    throw modelError("ERR_OCTAVO_OPERATOR", graph.format, `node "${node.name}" (${node.op})`, `${problem}, expected one step forward per run`, "Convert the model without --stateful.");
}

function keepState(graph: Graph, node: Recurrent, input: number, output: number, part: string): void {
  const [, N] = tensorOf(graph, node.inputs[0]!).shape as [number, number], shape = [1, N, node.attributes.hidden], given = node.inputs[input];
  const initial = given ? tensorOf(graph, given).data : new Float32Array(sizeOf(shape));
  if (!initial) return;
  const before = newTensor(graph, `${node.name}/${part}_before`, shape);
  while (node.inputs.length < input) node.inputs.push("");
  node.inputs[input] = before;
  node.outputs[output] ||= newTensor(graph, `${node.name}/${part}_after`, shape);
  graph.states.push({ input: before, output: node.outputs[output]!, initial: Float32Array.from(initial) });
}

function newTensor(graph: Graph, stem: string, shape: number[]): string {
  const tensor: Tensor = { name: freshName(graph, stem), dtype: "float32", shape };
  graph.tensors.set(tensor.name, tensor);
  return tensor.name;
}
