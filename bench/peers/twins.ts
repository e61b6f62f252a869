/** The same network in another file: what an engine wants and the published file lacks. */
import { readSchema } from "../../converter/formats/tflite/schema.ts";
import { messages, type GraphProto, type ModelProto, type NodeProto, type TensorProto } from "../../converter/formats/onnx/proto.ts";
import { decode, type Decoded } from "../../converter/formats/wire/protobuf.ts";
import { encode } from "../../test/formats/protobuf-write.ts";

/** FlatBuffers in place: fields are cleared in the vtable, vectors appended behind the file. Field numbers are the schema's. */
class Patch {
  bytes: Uint8Array;
  view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes.slice();
    this.view = new DataView(this.bytes.buffer);
  }

  root = (): number => this.view.getUint32(0, true);
  /** Address of a field, 0 where it is absent. */
  field(table: number, n: number): number {
    const vtable = table - this.view.getInt32(table, true), slot = 4 + 2 * n;
    const offset = slot < this.view.getUint16(vtable, true) ? this.view.getUint16(vtable + slot, true) : 0;
    return offset && table + offset;
  }
  /** What a field points to. */
  target(table: number, n: number): number {
    const at = this.field(table, n);
    return at && at + this.view.getUint32(at, true);
  }
  tables(table: number, n: number): number[] {
    const at = this.target(table, n);
    return at ? Array.from({ length: this.view.getUint32(at, true) }, (_, i) => at + 4 + 4 * i + this.view.getUint32(at + 4 + 4 * i, true)) : [];
  }
  /** The field takes its default; tables that share the vtable lose theirs too. */
  clear(table: number, n: number): void {
    const vtable = table - this.view.getInt32(table, true), slot = 4 + 2 * n;
    if (slot < this.view.getUint16(vtable, true)) this.view.setUint16(vtable + slot, 0, true);
  }
  /** A byte vector behind the file, its content on 16 bytes. */
  point(table: number, n: number, content: Uint8Array): void {
    const at = Math.ceil((this.bytes.length + 4) / 16) * 16, grown = new Uint8Array(at + content.length), field = this.field(table, n);
    grown.set(this.bytes);
    grown.set(content, at);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
    this.view.setUint32(at - 4, content.length, true);
    this.view.setUint32(field, at - 4 - field, true);
  }
}

const MODEL = { subgraphs: 2, buffers: 4 }, TENSOR = { shape: 0, type: 1, quantization: 4, signature: 7 }, DIMENSION = 6, FLOAT32 = 0;

/** LiteRT.js wants static shapes, and quantized_dimension 0 on vectors. */
export function fixedTflite(bytes: Uint8Array): Uint8Array {
  const patch = new Patch(bytes);
  for (const tensor of patch.tables(patch.tables(patch.root(), MODEL.subgraphs)[0]!, 0)) {
    patch.clear(tensor, TENSOR.signature);
    const shape = patch.target(tensor, TENSOR.shape), quantization = patch.target(tensor, TENSOR.quantization), axis = quantization && patch.field(quantization, DIMENSION);
    if (axis && shape && patch.view.getUint32(shape, true) === 1) patch.view.setInt32(axis, 0, true);
  }
  return patch.bytes;
}

/** Weights dequantized, arithmetic in float. */
export function floatTflite(bytes: Uint8Array): Uint8Array {
  const patch = new Patch(fixedTflite(bytes)), { subgraphs, buffers } = readSchema(bytes), tables = patch.tables(patch.root(), MODEL.buffers);
  const tensors = patch.tables(patch.tables(patch.root(), MODEL.subgraphs)[0]!, 0);
  subgraphs[0]!.tensors.forEach((tensor, i) => {
    const { quantization: q, shape, buffer } = tensor, size = shape.reduce((n, d) => n * d, 1), data = buffers[buffer]!;
    if (!q?.scale.length) return;
    const Values = { int8: Int8Array, int32: Int32Array, uint8: Uint8Array, int16: Int16Array }[tensor.type as "int8"], width = Values.BYTES_PER_ELEMENT;
    patch.view.setUint8(patch.field(tensors[i]!, TENSOR.type), FLOAT32);
    if (data.length !== size * width) return;
    const inner = shape.slice(q.axis + 1).reduce((n, d) => n * d, 1), channel = (k: number) => (q.scale.length === 1 ? 0 : Math.floor(k / inner) % q.scale.length);
    const values = Float32Array.from(new Values(data.slice().buffer), (v, k) => (v - (q.zeroPoint[channel(k)] ?? 0)) * q.scale[channel(k)]!);
    patch.point(tables[buffer]!, 0, new Uint8Array(values.buffer));
  });
  for (const tensor of tensors) patch.clear(tensor, TENSOR.quantization);
  return patch.bytes;
}

const arrays: Record<number, (t: TensorProto) => ArrayLike<number>> = {
  1: ({ rawData }) => new Float32Array(rawData!.slice().buffer), 2: ({ rawData }) => new Uint8Array(rawData!), 3: ({ rawData }) => new Int8Array(rawData!.slice().buffer),
  6: ({ rawData }) => new Int32Array(rawData!.slice().buffer),
};

const sums = new Set(["Conv", "Gemm", "MatMul", "Add"]);

/**
 * A network of QuantizeLinear and DequantizeLinear pairs without them: weights dequantized, arithmetic in float. Where a pair
 * behind a sum cuts at zero, it was a ReLU or ReLU6 too, and a Clip takes its place.
 */
export function floatOnnx(bytes: Uint8Array): Uint8Array {
  const model = decode(bytes, messages.model) as ModelProto, graph = model.graph!, constants = new Map(graph.initializer!.map((t) => [t.name!, t])), renamed = new Map<string, string>();
  const nameOf = (name: string): string => (renamed.has(name) ? nameOf(renamed.get(name)!) : name), nodes: NodeProto[] = [], by = new Map<string, string>();
  const keep = (node: NodeProto) => { nodes.push(node); by.set(node.output![0]!, node.opType!); };
  for (const node of graph.node!) {
    const [x = "", scale = "", zero = ""] = node.input!, [y = ""] = node.output!;
    if (!/^(De)?[qQ]uantizeLinear$/.test(node.opType!)) keep({ ...node, input: node.input!.map(nameOf) });
    else {
      if (node.opType === "DequantizeLinear" && constants.has(x)) constants.set(x, dequantized(constants.get(x)!, constants.get(scale)!, constants.get(zero)));
      const range = node.opType === "QuantizeLinear" && sums.has(by.get(nameOf(x)) ?? "") ? positiveRange(constants.get(scale)!, constants.get(zero)!) : undefined;
      if (range) keep({ opType: "Clip", input: [nameOf(x), ...range.map((v, i) => scalarTo(constants, `${y}_${i}`, v))], output: [`${y}_clip`] });
      renamed.set(y, range ? `${y}_clip` : x);
    }
  }
  for (const node of nodes) node.output = node.output!.map((o) => graph.output!.find(({ name }) => nameOf(name!) === o)?.name ?? o);
  const ports = (list: GraphProto["input"]) => list!.map((p) => ({ ...p, type: { tensorType: { ...p.type!.tensorType, elemType: 1 } } }));
  const used = new Set(nodes.flatMap((n) => n.input!));
  return encode({ ...model, graph: { ...graph, node: nodes, initializer: [...constants.values()].filter((t) => used.has(t.name!)), input: ports(graph.input), output: ports(graph.output) } } as Decoded, messages.model);
}

/** Bounds of a tensor that holds nothing below zero: [0, 6] where it ends there, else [0]. */
function positiveRange(scale: TensorProto, zero: TensorProto): number[] | undefined {
  const lowest = zero.dataType === 3 ? -128 : 0, highest = 255 * arrays[1]!(scale)[0]!;
  if (arrays[zero.dataType!]!(zero)[0] !== lowest) return undefined;
  return Math.abs(highest - 6) < 0.01 ? [0, 6] : [0];
}

function scalarTo(constants: Map<string, TensorProto>, name: string, value: number): string {
  constants.set(name, { name, dims: [], dataType: 1, rawData: new Uint8Array(Float32Array.of(value).buffer) });
  return name;
}

/** Scales of several channels run along the first axis. */
function dequantized(w: TensorProto, scale: TensorProto, zero?: TensorProto): TensorProto {
  const q = arrays[w.dataType!]!(w), s = arrays[1]!(scale), z = zero ? arrays[zero.dataType!]!(zero) : [0], inner = q.length / s.length;
  const values = Float32Array.from(q, (v, k) => (v - z[s.length === 1 ? 0 : Math.floor(k / inner)]!) * s[s.length === 1 ? 0 : Math.floor(k / inner)]!);
  return { name: w.name!, dims: w.dims!, dataType: 1, rawData: new Uint8Array(values.buffer) };
}
