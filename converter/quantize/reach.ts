/** Nodes that lead to each other. */
import type { Node } from "../ir/graph.ts";

/** `start`, and all that `next` leads to from there. */
export function reach(start: Node, next: (node: Node) => readonly Node[]): Set<Node> {
  const found = new Set([start]), waiting = [start];
  while (waiting.length) {
    for (const node of next(waiting.pop()!)) {
      if (found.has(node)) continue;
      found.add(node);
      waiting.push(node);
    }
  }
  return found;
}
