/** Bytes of a model in any known format → Graph. The content decides; the file's name only where it cannot. */
import { modelError, OctavoError } from "../ir/error.ts";
import type { Graph } from "../ir/graph.ts";
import { architectureOf } from "./pytorch/architecture-json.ts";
import type { Reader, ReadOptions } from "./reader.ts";

/** Loaded when a file may need them: an ONNX file costs nothing of the HDF5 reader. */
const readers: { extensions: string[]; load: () => Promise<Reader> }[] = [
  { extensions: [".tflite"], load: async () => (await import("./tflite.ts")).tflite },
  { extensions: [".keras", ".h5", ".hdf5"], load: async () => (await import("./keras.ts")).keras },
  { extensions: [".json"], load: async () => (await import("./tfjs.ts")).tfjs },
  { extensions: [".pt2", ".pt", ".pth", ".safetensors"], load: async () => (await import("./pytorch.ts")).pytorch },
  { extensions: [".onnx"], load: async () => (await import("./onnx.ts")).onnx },
];

const known = "ONNX (.onnx), TFLite (.tflite), Keras (.keras, .h5), TF.js (model.json), PyTorch (.pt2; .pt, .pth and .safetensors with an architecture; an architecture alone)";

/**
 * Reads a model.
 * @param options.name the file's name, for messages and for formats whose content does not tell
 * @throws OctavoError ERR_OCTAVO_FORMAT when no reader knows the bytes, or what the reader refuses
 */
export async function readModel(bytes: Uint8Array, options: ReadOptions & { name?: string } = {}): Promise<Graph> {
  const { name = "", ...rest } = options;
  bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength); // of a Buffer, slice() would be no copy
  const reader = await readerOf(bytes, name);
  if (rest.initSeed !== undefined && !architectureOf(bytes)) {
    throw modelError("ERR_OCTAVO_FORMAT", reader.name, "file", "a seed for parameters was given, and it holds its own", "Leave out --init-seed, or pass an architecture file as the model.");
  }
  const graph = await reader.read(bytes, { ...rest, ...(rest.inputShapes && { inputShapes: bare(rest.inputShapes) }), ...(rest.constants && { constants: bare(rest.constants) }) });
  if (!graph.name && name) graph.name = stem(name);
  return graph;
}

/** Without what every object has: an input may be called "constructor". */
const bare = <T extends object>(table: T): T => Object.assign(Object.create(null) as T, table);

/** The reader that a file asks for. */
export async function readerOf(bytes: Uint8Array, name = ""): Promise<Reader> {
  if (bytes.length === 0) throw new OctavoError("ERR_OCTAVO_FORMAT", `model: ${label(name)}: the file is empty. Export or download it again.`);
  const lower = name.toLowerCase(), named = readers.filter((r) => r.extensions.some((e) => lower.endsWith(e)));
  for (const { load } of [...named, ...readers.filter((r) => !named.includes(r))]) {
    const reader = await load();
    if (reader.sniff(bytes)) return reader;
  }
  if (named.length) return named[0]!.load();
  throw new OctavoError("ERR_OCTAVO_FORMAT", `model: ${label(name)}: unknown format: found ${opening(bytes)}, expected ${known}. Pass one of these.`);
}

const label = (name: string) => (name ? `file "${stem(name)}"` : "the bytes");
const stem = (name: string) => name.split(/[\\/]/).at(-1)!;

/** The first bytes, as text where they are text. */
function opening(bytes: Uint8Array): string {
  const first = bytes.subarray(0, 16);
  const printable = first.every((b) => b >= 32 && b < 127);
  if (printable) return `text that starts with "${String.fromCharCode(...first)}"`;
  return `${bytes.length} bytes that start with ${[...first.subarray(0, 8)].map((b) => b.toString(16).padStart(2, "0")).join(" ")}`;
}
