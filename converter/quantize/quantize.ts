/** Float graph and ranges → the same graph in integers, with float islands where there is no integer kernel. */
import { isConstant, tensorOf, type Graph, type Node, type TypedArray } from "../ir/graph.ts";
import type { Ranges } from "./calibrate.ts";
import { chooseIntegerNodes } from "./choose-nodes.ts";
import { ConstantQuantizer } from "./constants.ts";
import { dropUnused, nameHiddenStates, resizeByGather } from "./copy.ts";
import { equalizeInputs } from "./equalize-inputs.ts";
import { floatIslands } from "./float-islands.ts";
import { recoverGrid } from "./grid.ts";
import { activationInputs, integerTensors } from "./integer-ops.ts";
import { limits, quantizeValues, type ActivationType } from "./integers.ts";
import { applyPointwise, findTables, type Pointwise, type Tables } from "./pointwise.ts";
import { chooseScales } from "./scales.ts";
import type { WeightBits } from "./weights.ts";

export interface QuantizeOptions {
  type?: ActivationType;
  weightBits?: WeightBits;
  /** Names of nodes that stay float. */
  keepFloat?: ReadonlySet<string>;
}

/** Inputs and outputs of the result are integers where the kernels beside them are: see converter/borders.ts. */
export function quantize(source: Graph, seen: Ranges, options: QuantizeOptions = {}): Graph {
  const graph = nameHiddenStates(source), { type = "int8", weightBits = 8 } = options;
  resizeByGather(graph);
  const ranges = equalizeInputs(graph, seen, type, weightBits);
  const integer = chooseIntegerNodes(graph, ranges, type, options.keepFloat ?? new Set());
  const tables: Tables = type === "int8" ? findTables(graph, integer) : new Map();
  const inside = new Set([...tables.values()].flatMap((t) => t.nodes)), kernels = new Set([...integer].filter((n) => !inside.has(n)));
  const members = [...new Set([...[...kernels].flatMap(integerTensors), ...[...tables].flatMap(([y, t]) => [t.source, y])])];
  const scales = chooseScales(graph, ranges, members, { type, tables, integer });
  const constants = new ConstantQuantizer(graph, { type, weightBits, clip: recoverGrid });
  for (const [name, quantization] of scales) {
    if (isConstant(graph, name)) constants.plan(name, quantization);
    else Object.assign(tensorOf(graph, name), { dtype: type, quantization });
  }
  const integers = new Set<Node>();
  graph.nodes = graph.nodes.flatMap((node) => {
    if (!integer.has(node)) return [node];
    if (inside.has(node) && !tables.has(node.outputs[0]!)) return [];
    const rewritten = inside.has(node) ? tableNode(source, graph, constants, node, tables.get(node.outputs[0]!)!) : integerNode(graph, constants, node, ranges);
    integers.add(rewritten);
    return [rewritten];
  });
  floatIslands(graph, { isInteger: (n) => integers.has(n), direct: true });
  graph.states = graph.states.map((s) => ({ ...s, initial: initialState(graph, s) }));
  dropUnused(graph);
  return graph;
}

/** table[q + 128] = f(real(q)) in the integers of y. */
function tableNode(source: Graph, graph: Graph, constants: ConstantQuantizer, node: Node, region: Pointwise): Node {
  const from = tensorOf(graph, region.source).quantization!, to = tensorOf(graph, node.outputs[0]!).quantization!;
  const x = Float32Array.from({ length: 256 }, (_, i) => (i - 128 - from.zeroPoint[0]!) * from.scale[0]!);
  const table = constants.table(node.name, quantizeValues(applyPointwise(source, region, x), to, "int8") as Int8Array);
  return { op: "lut", name: node.name, inputs: [region.source, table], outputs: node.outputs, attributes: {} };
}

function integerNode(graph: Graph, constants: ConstantQuantizer, node: Node, ranges: Ranges): Node {
  const inputs = [...node.inputs], [x, w, b = ""] = inputs as [string, string, string?];
  for (const i of activationInputs(node)) if (isConstant(graph, inputs[i]!)) inputs[i] = constants.activation(inputs[i]!);
  if (node.op === "conv2d" || node.op === "convTranspose2d" || node.op === "dense") inputs.splice(1, 2, ...constants.weightsAndBias(tensorOf(graph, x).quantization!, w, b, ranges.get(x)?.channels?.means));
  if (node.op === "lstm" || node.op === "gru" || node.op === "rnn") for (const i of [1, 2]) inputs[i] = constants.rows(inputs[i]!);
  return { ...node, inputs } as Node;
}

function initialState(graph: Graph, state: { input: string; initial: TypedArray }): TypedArray {
  const { dtype, quantization } = tensorOf(graph, state.input);
  return quantization && dtype in limits ? quantizeValues(state.initial, quantization, dtype as ActivationType) : state.initial;
}
