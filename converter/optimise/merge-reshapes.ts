/** reshape(reshape(x)) → reshape(x) */
import type { Node } from "../ir/graph.ts";
import { sameForm } from "./remove-identities.ts";
import type { Rewriter } from "./rewriter.ts";

export function mergeReshapes(rw: Rewriter, node: Node): void {
  if (node.op !== "reshape") return;
  const inner = rw.by(node.inputs[0], "reshape"), x = inner?.inputs[0];
  if (x && sameForm(rw.tensor(x), rw.tensor(node.inputs[0]!))) rw.become(node, "reshape", [x], node.attributes);
}
