/** The parts of a model file that JavaScript reads: header, ports, metadata. docs/model-file.md is the specification. */
import { OctavoError } from "./errors.ts";
import { decodeUtf8 } from "./text-decoder.ts";

const MAGIC = 0x5654434f, FORMAT_VERSION = 1, HEADER_BYTES = 256, PORT_BYTES = 32, SELF_TEST_OFFSET = 88;
export const HASH_OFFSET = 96, HASH_BYTES = 32;
export const dtypes = ["float32", "int8", "uint8", "int16", "uint16", "int32", "int64", "bool"] as const;
export type PortDType = (typeof dtypes)[number];

export interface Port {
  kind: "input" | "output" | "state";
  dtype: PortDType;
  address: number;
  bytes: number;
  /** The integers behind a float port, where it has them. */
  raw?: { dtype: PortDType; address: number; scale: number; zeroPoint: number };
}

/** One kernel call of the program, as inspect and profile show it. */
export interface LayerInfo {
  name: string;
  op: string;
  kernel: string;
  macs: number;
  /** With the last call of a layer: what it wrote, where in the arena that begins, and how many elements it has. Without a name it has the layer's. */
  outputs?: { name?: string; at: number; size: number }[];
}
export interface PortInfo { name: string; shape: number[]; layout: string }
/** What the converter wrote for tools and applications. */
export interface Metadata {
  name: string;
  format: string;
  precision: string;
  rounding: string;
  inputs: PortInfo[];
  outputs: PortInfo[];
  layers: LayerInfo[];
  /** Quantized tensors: `count` scales from position `at` of the scale table, then as many zero points. */
  tensors?: { name: string; shape: number[]; dtype: PortDType; axis: number; at: number; count: number }[];
  classes?: string[];
  preprocess?: Record<string, unknown>;
  licence?: string;
  [key: string]: unknown;
}

export interface ModelFile {
  bytes: Uint8Array;
  /** The first bytes of the file: what is copied into linear memory. */
  image: Uint8Array;
  base: number;
  arenaBytes: number;
  weightBytes: number;
  /** Bytes of linear memory that the model needs. */
  memoryBytes: number;
  /** Address from which states lie until the end. */
  stateAddress: number;
  stateBytes: number;
  callCount: number;
  /** Scales, then zero points, of every quantized tensor: `metadata.tensors` says where each begins. */
  scales: Float32Array;
  ports: Port[];
  metadata: Metadata;
  /** Golden digest of model.selfTest(), 16 hexadecimal digits; zeros where the file has none. */
  selfTest: string;
}

const bad = (problem: string, remedy = "Convert the model again.") => new OctavoError("ERR_OCTAVO_FORMAT", `octavo: ${problem}. ${remedy}`);

/** Fields by their position in the header, four bytes each. */
const fields = ["magic", "version", "abi", "fileBytes", "imageBytes", "base", "writable", "arenaBytes", "end", "flags",
  "io", "ioBytes", "programs", "programsBytes", "params", "paramsBytes", "constants", "constantsBytes", "scales", "scalesBytes", "metadata", "metadataBytes"] as const;
type Header = Record<(typeof fields)[number], number>;

/**
 * @param abi the newest kernel `abi` of this SDK
 * @throws OctavoError ERR_OCTAVO_FORMAT, ERR_OCTAVO_VERSION
 */
export function parseModelFile(bytes: Uint8Array, abi: number): ModelFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), h = readHeader(bytes, view, abi);
  const stateAddress = h.writable + h.arenaBytes;
  return {
    bytes, image: bytes.subarray(0, h.imageBytes), base: h.base, arenaBytes: h.arenaBytes, weightBytes: h.constantsBytes, memoryBytes: h.end,
    stateAddress, stateBytes: h.end - stateAddress, callCount: h.programsBytes >= 32 ? view.getUint32(h.programs + 24, true) : 0,
    scales: new Float32Array(bytes.slice(h.scales, h.scales + (h.scalesBytes & ~3)).buffer),
    ports: Array.from({ length: h.ioBytes / PORT_BYTES }, (_, i) => readPort(view, h.io + i * PORT_BYTES)),
    metadata: readMetadata(bytes.subarray(h.metadata, h.metadata + h.metadataBytes)),
    selfTest: hex64(view.getBigUint64(SELF_TEST_OFFSET, true)),
  };
}

/**
 * `bytes`, parsed, if they are another state of the model in `file`: the same sections, memory and ports, whose scales may have moved.
 * @throws OctavoError ERR_OCTAVO_FORMAT if not
 */
export function sameModel({ bytes: old }: ModelFile, bytes: Uint8Array): ModelFile {
  const word = (at: number) => new DataView(old.buffer, old.byteOffset).getUint32(at, true), ports = word(40);
  const same = (from: number, to: number) => old.subarray(from, to).every((b, i) => b === bytes[from + i] || (from === ports && (i & 28) === 24));
  if (!old.length || !same(0, SELF_TEST_OFFSET) || !same(ports, ports + word(44))) throw bad("the file is no state of this model", "Take one that was trained from it.");
  return parseModelFile(bytes, word(8));
}

/** 16 hexadecimal digits. */
export const hex64 = (value: bigint): string => BigInt.asUintN(64, value).toString(16).padStart(16, "0");

function readHeader(bytes: Uint8Array, view: DataView, abi: number): Header {
  if (bytes.length < HEADER_BYTES || view.getUint32(0, true) !== MAGIC) throw bad(`the file starts with ${firstBytes(bytes)}, expected the magic "OCTV" and ${HEADER_BYTES} bytes of header`, "Is this a model file made by `octavo convert`?");
  const h = Object.fromEntries(fields.map((name, i) => [name, view.getUint32(4 * i, true)])) as Header;
  if (h.version > FORMAT_VERSION || h.abi > abi) throw new OctavoError("ERR_OCTAVO_VERSION", `octavo: the file has format ${h.version} and abi ${h.abi}, this SDK reads up to format ${FORMAT_VERSION} and abi ${abi}. Update the package octavo.`);
  if (h.fileBytes !== bytes.length) throw bad(`the file has ${bytes.length} bytes, its header says ${h.fileBytes}`, "It was cut off or padded: copy it again.");
  const inside = (offset: number, size: number, end: number) => offset >= HEADER_BYTES && offset + size <= end;
  for (const name of ["io", "programs", "params", "constants", "scales"] as const) {
    if (!inside(h[name], h[`${name}Bytes`], h.imageBytes)) throw bad(`section "${name}" lies at byte ${h[name]} and has ${h[`${name}Bytes`]} bytes, outside the image of ${h.imageBytes} bytes`);
  }
  if (h.imageBytes > bytes.length || !inside(h.metadata, h.metadataBytes, bytes.length)) throw bad("the sections do not lie inside the file");
  if (h.end < h.writable || h.writable + h.arenaBytes > h.end || h.ioBytes % PORT_BYTES) throw bad("the memory layout in the header contradicts itself");
  return h;
}

export const firstBytes = (bytes: Uint8Array): string =>
  bytes.length ? `${Array.from(bytes.subarray(0, 8), (b) => b.toString(16).padStart(2, "0")).join(" ")} (${bytes.length} bytes in all)` : "nothing (it is empty)";

function readPort(view: DataView, at: number): Port {
  const u32 = (i: number) => view.getUint32(at + 4 * i, true);
  const kind = (["input", "output", "state"] as const)[u32(0)], dtype = dtypes[u32(1)], rawDtype = dtypes[u32(4)];
  if (!kind || !dtype || !rawDtype) throw bad("a port has an unknown kind or dtype");
  const port: Port = { kind, dtype, address: u32(2), bytes: u32(3) };
  return kind !== "state" && u32(5) ? { ...port, raw: { dtype: rawDtype, address: u32(5), scale: view.getFloat32(at + 24, true), zeroPoint: view.getInt32(at + 28, true) } } : port;
}

function readMetadata(bytes: Uint8Array): Metadata {
  let found: unknown;
  try {
    found = JSON.parse(decodeUtf8(bytes));
  } catch (cause) {
    throw new OctavoError("ERR_OCTAVO_FORMAT", "octavo: the metadata section is not JSON. Convert the model again.", { cause });
  }
  if (!isMetadata(found)) throw bad("the metadata lack inputs, outputs or layers, or hold other types there");
  return found;
}

type Fields = Record<string, unknown> | null;
const isText = (v: unknown): v is string => typeof v === "string";
const isSize = (v: unknown): v is number => Number.isInteger(v) && (v as number) >= 0;
const areAll = (v: unknown, test: (item: Fields) => boolean): boolean => Array.isArray(v) && v.every((item: unknown) => typeof item === "object" && item !== null && test(item as Fields));
const areSizes = (v: unknown): boolean => Array.isArray(v) && v.every(isSize);
const isPort = (p: Fields) => isText(p!.name) && isText(p!.layout) && areSizes(p!.shape);
const isWritten = (o: Fields) => (o!.name === undefined || isText(o!.name)) && isSize(o!.at) && isSize(o!.size);
const isLayer = (l: Fields) => isText(l!.name) && isText(l!.op) && isText(l!.kernel) && typeof l!.macs === "number" && (l!.outputs === undefined || areAll(l!.outputs, isWritten));
const isTensor = (t: Fields) => isText(t!.name) && areSizes(t!.shape) && isText(t!.dtype) && isSize(t!.at) && isSize(t!.count);

/** Everything that the SDK and the tools read without a further look. */
function isMetadata(v: unknown): v is Metadata {
  if (typeof v !== "object" || v === null) return false;
  const { name, format, precision, rounding, inputs, outputs, layers, tensors = [], classes = [] } = v as Record<string, unknown>;
  return [name, format, precision, rounding].every(isText) && areAll(inputs, isPort) && areAll(outputs, isPort) && areAll(layers, isLayer) && areAll(tensors, isTensor)
    && Array.isArray(classes) && classes.every(isText);
}

/** SHA-256 by WebCrypto, or undefined where the host has none (insecure pages, AudioWorklets). */
const webSha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array | undefined> =>
  globalThis.crypto?.subtle && new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

/** Compares the SHA-256 in the header, where the host can compute it. */
export async function verifyIntegrity(bytes: Uint8Array, sha256: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array | Promise<Uint8Array | undefined> = webSha256): Promise<void> {
  const zeroed = new Uint8Array(bytes);
  zeroed.fill(0, HASH_OFFSET, HASH_OFFSET + HASH_BYTES);
  const digest = await sha256(zeroed);
  if (digest?.some((b, i) => b !== bytes[HASH_OFFSET + i])) throw bad("the SHA-256 in the header is not that of the file", "It was changed or damaged: copy it again.");
}
