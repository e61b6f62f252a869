/** Initial states that are constant zeros: recurrent layers begin at zero without them. */
import type { Node } from "../ir/graph.ts";
import type { Rewriter } from "./rewriter.ts";

/** Inputs that are initial states. */
const statesOf: Partial<Record<Node["op"], number[]>> = { lstm: [4, 5], gru: [4], rnn: [4] };

export function dropZeroStates(rw: Rewriter, node: Node): void {
  if (node.op !== "lstm" && node.op !== "gru" && node.op !== "rnn") return;
  const zeros = statesOf[node.op]!.filter((i) => rw.real(node.inputs[i])?.data.every((v) => v === 0));
  if (!zeros.length) return;
  const inputs = node.inputs.map((name, i) => (zeros.includes(i) ? "" : name));
  while (inputs.at(-1) === "") inputs.pop();
  rw.become(node, node.op, inputs, node.attributes);
}
