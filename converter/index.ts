/** `octavo/converter`: trained models → model files, in Node and browsers. */
export { convert, type Conversion, type ConvertOptions, type Precision, type Progress, type Stage } from "./convert.ts";
export { readModel } from "./formats/index.ts";
export type { ReadOptions } from "./formats/reader.ts";
export { OctavoError, type ErrorCode } from "./ir/error.ts";
export type { Graph, Node, Tensor } from "./ir/graph.ts";
export type { Report } from "./report/report.ts";
export { readWeights, writeWeights } from "./train/weights-file.ts";
export type { Weights } from "./train/weights.ts";
