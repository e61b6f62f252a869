/** Weights beside the model: every tensor with `data_location = EXTERNAL` gets its bytes, from inside the model's folder only. */
import { modelError } from "../../ir/error.ts";
import type { ReadOptions } from "../reader.ts";
import type { AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto } from "./proto.ts";

/** Fills `rawData` of all external tensors; each side file is read once. */
export async function loadExternal(model: ModelProto, resolve: ReadOptions["resolve"]): Promise<void> {
  const files = new Map<string, Uint8Array>();
  for (const tensor of externalTensors(model)) {
    const where = `tensor "${tensor.name ?? ""}"`, at = location(tensor, where);
    if (!resolve)
      throw modelError("ERR_OCTAVO_SOURCE", "onnx", where, `its data is in the file "${at.path}", which was not given`, "Pass options.resolve, or save the model as one file.");
    if (!files.has(at.path)) files.set(at.path, plain(await resolve(at.path)));
    const bytes = files.get(at.path)!, end = at.length === undefined ? bytes.length : at.offset + at.length;
    if (end > bytes.length || at.offset > end) {
      throw modelError("ERR_OCTAVO_FORMAT", "onnx", where, `its data is at bytes ${at.offset} to ${end} of "${at.path}", which has ${bytes.length}`, "Copy the side file again.");
    }
    tensor.rawData = bytes.subarray(at.offset, end);
  }
}

/** Without the habits of Node's Buffer. */
const plain = (bytes: Uint8Array) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);

function location(tensor: TensorProto, where: string): { path: string; offset: number; length?: number } {
  const entries = new Map((tensor.externalData ?? []).map((e) => [e.key ?? "", e.value ?? ""]));
  const path = entries.get("location") ?? "", offset = Number(entries.get("offset") ?? 0);
  const length = entries.has("length") ? Number(entries.get("length")) : undefined;
  if (!insideFolder(path)) {
    throw modelError("ERR_OCTAVO_SOURCE", "onnx", where, `its data is at "${path}", expected a path inside of the model's folder`, "Save the model with its data beside it.");
  }
  if (!isOffset(offset) || (length !== undefined && !isOffset(length)))
    throw modelError("ERR_OCTAVO_FORMAT", "onnx", where, `external data has offset ${offset} and length ${length}`);
  return { path, offset, ...(length !== undefined && { length }) };
}

const isOffset = (n: number) => Number.isSafeInteger(n) && n >= 0;

/** Relative, no way up, no drive, scheme or device. */
export const insideFolder = (path: string): boolean =>
  path !== "" && !/^[\\/]|[:\0]/.test(path) && !path.split(/[\\/]/).some((part) => part === ".." || part === "");

function* externalTensors(model: ModelProto): Generator<TensorProto> {
  if (model.graph) yield* ofGraph(model.graph);
  for (const f of model.functions ?? []) yield* ofNodes(f.node ?? [], f.attributeProto ?? []);
}

function* ofGraph(graph: GraphProto): Generator<TensorProto> {
  const sparse = (graph.sparseInitializer ?? []).flatMap((s) => [s.values, s.indices]);
  for (const t of [...(graph.initializer ?? []), ...sparse]) if (t?.dataLocation === 1) yield t;
  yield* ofNodes(graph.node ?? [], []);
}

function* ofNodes(nodes: NodeProto[], extra: AttributeProto[]): Generator<TensorProto> {
  for (const a of [...extra, ...nodes.flatMap((n) => n.attribute ?? [])]) {
    if (a.t?.dataLocation === 1) yield a.t;
    if (a.g) yield* ofGraph(a.g);
  }
}
