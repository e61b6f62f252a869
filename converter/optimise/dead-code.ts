/**
 * Dead code: a node none of whose outputs is read goes, and then those that only it read. Unread outputs lose their names,
 * but not where they are quantized: there they say in what integers a recurrent operator keeps its state.
 */
import type { Node } from "../ir/graph.ts";
import type { Rewriter } from "./rewriter.ts";

export function deadCode(rw: Rewriter, node: Node): void {
  const waiting: (Node | undefined)[] = [node];
  while (waiting.length) {
    const next = waiting.pop();
    if (!next?.outputs.every((o) => !o || rw.isUnread(o))) continue;
    rw.remove(next);
    waiting.push(...next.inputs.map((i) => rw.producer(i)));
  }
  if (node.outputs.length < 2) return;
  const isDead = (output: string) => output !== "" && rw.isUnread(output) && rw.producer(output) === node && !rw.tensor(output).quantization;
  node.outputs.forEach((output, i) => { if (isDead(output)) rw.dropOutput(node, i); });
}
