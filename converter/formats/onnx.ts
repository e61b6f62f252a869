/** ONNX: protobuf `ModelProto`, operator sets 7 to 28, weights inside or beside the file. */
import { modelError } from "../ir/error.ts";
import type { Graph } from "../ir/graph.ts";
import { loadExternal } from "./onnx/external.ts";
import { readGraph } from "./onnx/graph.ts";
import { messages, type ModelProto } from "./onnx/proto.ts";
import { keepStates, oneStep } from "./onnx/stream.ts";
import type { Reader, ReadOptions } from "./reader.ts";
import { decode, WireError } from "./wire/protobuf.ts";

/** Fields of ModelProto with their wire types. */
const fields: Record<number, number> = { 1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2 };

/** A model starts with its IR version and goes on with another of its fields; text and other containers do not. */
function sniff(bytes: Uint8Array): boolean {
  const [tag = 0, version = 0, next = 0, byte = 0] = bytes;
  if (tag === 0x08) return version > 0 && version < 64 && isField(next, byte);
  return (tag === 0x3a || tag === 0x42) && bytes.length > 2 && holdsGraph(bytes);
}

const isField = (tag: number, next: number): boolean => fields[(tag & 0x7f) >> 3 | (tag > 0x7f ? next << 4 : 0)] === (tag & 7);

/** Some writers put the graph or the operator sets first. */
function holdsGraph(bytes: Uint8Array): boolean {
  try {
    const top = decode(bytes, { 1: ["version", "int64"], 7: ["graph", "bytes"], 8: ["opset", "bytes", "many"] });
    return top.graph !== undefined && top.opset !== undefined;
  } catch {
    return false;
  }
}

async function read(bytes: Uint8Array, options: ReadOptions): Promise<Graph> {
  const model = decodeModel(bytes);
  await loadExternal(model, options.resolve);
  const graph = readGraph(model, options);
  return options.stateful ? stream(model, graph, options) : graph;
}

/** The graph of one time step, with states. */
function stream(model: ModelProto, graph: Graph, options: ReadOptions): Graph {
  const shorter = oneStep(graph, options), step = shorter ? readGraph(model, shorter) : graph;
  keepStates(step);
  return step;
}

function decodeModel(bytes: Uint8Array): ModelProto {
  try {
    return decode(bytes, messages.model) as ModelProto;
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    throw modelError("ERR_OCTAVO_FORMAT", "onnx", `byte ${e.offset}`, `${e.message}, expected a ModelProto of ${bytes.length} bytes`, "The file is cut off or damaged: copy or export it again.");
  }
}

export const onnx: Reader = { name: "onnx", extensions: [".onnx"], sniff, read };
