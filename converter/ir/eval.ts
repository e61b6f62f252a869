import type { Graph, Node, TypedArray } from "./graph.ts";
/** Values of every tensor computed from `inputs`. `nodes`: only these. */
export declare function evaluate(graph: Graph, inputs: Map<string, TypedArray>, options?: { nodes?: Node[] }): Map<string, TypedArray>;
