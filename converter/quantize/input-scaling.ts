/** What happens to the inputs of a model before its first real layer. */
import { isConstant, type Graph, type Node } from "../ir/graph.ts";
import { keepsScale } from "./integer-ops.ts";

const linear = new Set<string>(["affine", "add", "sub", "mul", "div", "neg"]);

export interface InputScaling {
  /** Arithmetic with constants on inputs: normalization, a scale and an offset per channel. */
  scaling: Set<Node>;
  /** Tensors that are inputs, scaled or moved about. */
  tensors: Set<string>;
}

export function inputScaling(graph: Graph): InputScaling {
  const scaling = new Set<Node>(), tensors = new Set(graph.inputs);
  for (const node of graph.nodes) {
    const variable = node.inputs.filter((i) => i && !isConstant(graph, i)), scales = linear.has(node.op);
    if (variable.length !== 1 || !tensors.has(variable[0]!) || !(scales || keepsScale(node))) continue;
    if (scales) scaling.add(node);
    tensors.add(node.outputs[0]!);
  }
  return { scaling, tensors };
}
