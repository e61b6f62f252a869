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
  const constants = new ConstantQuantizer(graph, { type, weightBits, clip: recoverGrid });
  for (const [name, quantization] of chooseScales(graph, ranges, members, { type, tables, integer })) {
    if (isConstant(graph, name)) constants.plan(name, quantization);
    else Object.assign(tensorOf(graph, name), { dtype: type, quantization });
  }
  const integers = rewriteNodes(graph, constants, ranges, { kernels, inside, tables });
  floatIslands(graph, { isInteger: (n) => integers.has(n), direct: true });
  graph.states = graph.states.map((s) => ({ ...s, initial: initialState(graph, s) }));
  dropUnused(graph);
  return graph;
}

interface Parts { kernels: ReadonlySet<Node>; inside: ReadonlySet<Node>; tables: Tables }

/** Integer nodes take integer constants, tables take the place of their regions; returns the nodes that are integer now. */
function rewriteNodes(graph: Graph, constants: ConstantQuantizer, ranges: Ranges, { kernels, inside, tables }: Parts): Set<Node> {
  const before = { ...graph, nodes: [...graph.nodes], tensors: new Map(graph.tensors) }, integers = new Set<Node>();
  graph.nodes = graph.nodes.flatMap((node) => {
    const region = tables.get(node.outputs[0]!);
    if (!kernels.has(node) && !(inside.has(node) && region)) return inside.has(node) ? [] : [node];
    const rewritten = inside.has(node) ? tableNode(before, graph, constants, node, region!) : integerNode(graph, constants, node, ranges);
    integers.add(rewritten);
    return [rewritten];
  });
  return integers;
}

/** table[q + 128] = f(real(q)) in the integers of y. */
function tableNode(before: Graph, graph: Graph, constants: ConstantQuantizer, node: Node, region: Pointwise): Node {
  const from = tensorOf(graph, region.source).quantization!, to = tensorOf(graph, node.outputs[0]!).quantization!;
  const x = Float32Array.from({ length: 256 }, (_, i) => (i - 128 - from.zeroPoint[0]!) * from.scale[0]!);
  const table = constants.table(node.name, quantizeValues(applyPointwise(before, region, x), to, "int8") as Int8Array);
  return { op: "lut", name: node.name, inputs: [region.source, table], outputs: node.outputs, attributes: {} };
}

function integerNode(graph: Graph, constants: ConstantQuantizer, node: Node, ranges: Ranges): Node {
  const inputs = [...node.inputs], [x, w, b = ""] = inputs as [string, string, string?];
  for (const i of activationInputs(node)) if (isConstant(graph, inputs[i]!)) inputs[i] = constants.activation(inputs[i]!);
  if (node.op === "conv2d" || node.op === "convTranspose2d" || node.op === "dense") {
    const means = node.op === "convTranspose2d" ? undefined : ranges.get(x)?.channels?.means; // whose outputs see some of the taps only
    inputs.splice(1, 2, ...constants.weightsAndBias(tensorOf(graph, x).quantization!, w, b, means));
  }
  if (node.op === "lstm" || node.op === "gru" || node.op === "rnn") for (const i of [1, 2]) inputs[i] = constants.rows(inputs[i]!);
  return { ...node, inputs } as Node;
}

function initialState(graph: Graph, state: { input: string; initial: TypedArray }): TypedArray {
  const { dtype, quantization } = tensorOf(graph, state.input);
  return quantization && dtype in limits ? quantizeValues(state.initial, quantization, dtype as ActivationType) : state.initial;
}
