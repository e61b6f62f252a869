/** Program + plan + metadata → the bytes of a model file. The specification is docs/model-file.md. */
import type { DType } from "../ir/graph.ts";
import type { KernelCall, Operand, Program } from "../lower/context.ts";
import type { Placed } from "../plan/arena.ts";
import { resolve } from "../plan/lifetimes.ts";
import { ABI, BASE, kernelNumber, layouts, type FieldType } from "./layout.ts";

export const MAGIC = 0x5654434f; // "OCTV"
export const FORMAT_VERSION = 1;
export const HEADER_BYTES = 256;
const HASH_OFFSET = 96, HASH_BYTES = 32, ALIGN = 16;
/** Value of `dtype` fields in the io section. */
export const dtypeNumber: Record<DType, number> = { float32: 0, int8: 1, uint8: 2, int16: 3, uint16: 4, int32: 5, int64: 6, bool: 7 };
export const programKind = { infer: 1, train: 2, commit: 3 } as const;
export const ioKind = { input: 0, output: 1, state: 2 } as const;

/** The integers behind a float input or output: what `runRaw` reads and writes. */
export interface Raw { tensor: string; dtype: DType; scale: number; zeroPoint: number }
export interface Port { tensor: string; dtype: DType; bytes: number; raw?: Raw }
export interface StatePort { tensor: string; bytes: number; initial?: Operand }

export interface ModelParts {
  program: Program;
  buffers: readonly Placed[];
  arenaBytes: number;
  /** Bytes behind the arena by tensor name: what outlives a run. */
  states: readonly StatePort[];
  inputs: readonly Port[];
  outputs: readonly Port[];
  /** Calls [first, end) are what `runRaw` runs: without the quantize and dequantize calls of the float ends. */
  body: { first: number; end: number };
  /** Scale and zero point of every quantized tensor, flat; metadata says whose. */
  scales: Float32Array;
  metadata: object;
}

const align = (n: number) => Math.ceil(n / ALIGN) * ALIGN;
type Section = "io" | "programs" | "params" | "constants" | "scales" | "metadata";

export async function writeModelFile(parts: ModelParts): Promise<Uint8Array> {
  const { program } = parts, metadata = new TextEncoder().encode(JSON.stringify(parts.metadata));
  const paramBytes = program.calls.map((c) => align(4 * layouts[c.kernel].length)), constants = [...program.constants];
  const sizes: Record<Section, number> = {
    io: 32 * (parts.inputs.length + parts.outputs.length + parts.states.length),
    programs: 16 + 32 + 8 * program.calls.length,
    params: sum(paramBytes),
    constants: sum(constants.map(([, bytes]) => align(bytes.length))),
    scales: parts.scales.byteLength,
    metadata: metadata.length,
  };
  const sections = layOut(sizes), imageBytes = sections.metadata.offset, fileBytes = imageBytes + metadata.length;
  const addresses = new Addresses(parts, sections.constants.offset + BASE, BASE + imageBytes);
  const bytes = new Uint8Array(fileBytes), view = new DataView(bytes.buffer);
  writeHeader(view, sections, { fileBytes, imageBytes, writable: addresses.writable, arenaBytes: parts.arenaBytes, end: addresses.end });
  writePorts(view, sections.io.offset, parts, addresses);
  writeProgram(view, sections.programs.offset, BASE + sections.params.offset, parts, paramBytes);
  writeParams(view, sections.params.offset, program.calls, paramBytes, addresses);
  for (const [id, data] of constants) bytes.set(data, addresses.constant(id) - BASE);
  bytes.set(new Uint8Array(parts.scales.buffer, parts.scales.byteOffset, parts.scales.byteLength), sections.scales.offset);
  bytes.set(metadata, sections.metadata.offset);
  await seal(bytes);
  return bytes;
}

/** Writes the SHA-256 of the file, in which the place of the hash is zero. */
export async function seal(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  bytes.fill(0, HASH_OFFSET, HASH_OFFSET + HASH_BYTES);
  bytes.set(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), HASH_OFFSET);
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

function layOut(sizes: Record<Section, number>): Record<Section, { offset: number; bytes: number }> {
  let offset = HEADER_BYTES;
  const place = (bytes: number) => {
    const at = offset;
    offset = align(offset + bytes);
    return { offset: at, bytes };
  };
  return Object.fromEntries(Object.entries(sizes).map(([name, bytes]) => [name, place(bytes)])) as Record<Section, { offset: number; bytes: number }>;
}

/** Symbolic operands → absolute addresses. */
class Addresses {
  readonly writable: number;
  readonly end: number;
  private readonly constants = new Map<string, number>();
  private readonly buffers = new Map<string, number>();
  private readonly program: Program;

  constructor(parts: ModelParts, constantsAt: number, imageEnd: number) {
    this.program = parts.program;
    for (const [id, bytes] of parts.program.constants) {
      this.constants.set(id, constantsAt);
      constantsAt += align(bytes.length);
    }
    this.writable = align(imageEnd);
    for (const b of parts.buffers) this.buffers.set(b.id, this.writable + b.offset);
    let at = this.writable + align(parts.arenaBytes);
    for (const s of parts.states) {
      this.buffers.set(s.tensor, at);
      at += align(s.bytes);
    }
    this.end = at;
  }

  constant(id: string): number {
    return this.constants.get(id)!;
  }

  of(operand: Operand): number {
    return operand.kind === "constant" ? this.constant(operand.id) + operand.offset : this.tensor(operand.id) + operand.offset;
  }

  tensor(name: string): number {
    const { id, offset } = resolve(this.program, name), address = this.buffers.get(id);
    if (address === undefined) throw new Error(`no address was planned for "${name}"`);
    return address + offset;
  }
}

function writeHeader(view: DataView, sections: Record<Section, { offset: number; bytes: number }>, h: { fileBytes: number; imageBytes: number; writable: number; arenaBytes: number; end: number }): void {
  const fields = [MAGIC, FORMAT_VERSION, ABI, h.fileBytes, h.imageBytes, BASE, h.writable, h.arenaBytes, h.end, 0];
  for (const name of ["io", "programs", "params", "constants", "scales", "metadata"] as const) fields.push(sections[name].offset, sections[name].bytes);
  fields.forEach((value, i) => view.setUint32(4 * i, value, true));
}

/** 32 bytes each: kind, dtype, address, bytes, raw dtype, raw address (state: initial address), scale, zero point. */
function writePorts(view: DataView, at: number, parts: ModelParts, addresses: Addresses): void {
  const entry = (kind: number, dtype: number, address: number, bytes: number, rawDtype = 0, rawAddress = 0, scale = 0, zeroPoint = 0) => {
    [kind, dtype, address, bytes, rawDtype, rawAddress].forEach((v, i) => view.setUint32(at + 4 * i, v, true));
    view.setFloat32(at + 24, scale, true);
    view.setInt32(at + 28, zeroPoint, true);
    at += 32;
  };
  const port = (kind: number, p: Port) => entry(kind, dtypeNumber[p.dtype], addresses.tensor(p.tensor), p.bytes,
    p.raw && dtypeNumber[p.raw.dtype], p.raw && addresses.tensor(p.raw.tensor), p.raw?.scale, p.raw?.zeroPoint);
  for (const p of parts.inputs) port(ioKind.input, p);
  for (const p of parts.outputs) port(ioKind.output, p);
  for (const s of parts.states) entry(ioKind.state, 0, addresses.tensor(s.tensor), s.bytes, 0, s.initial ? addresses.of(s.initial) : 0);
}

/** Count, then per program 32 bytes (kind, address of its calls, count, body first, body end), then the calls. */
function writeProgram(view: DataView, at: number, params: number, parts: ModelParts, paramBytes: readonly number[]): void {
  const calls = parts.program.calls;
  view.setUint32(at, 1, true);
  [programKind.infer, BASE + at + 48, calls.length, parts.body.first, parts.body.end].forEach((v, i) => view.setUint32(at + 16 + 4 * i, v, true));
  calls.forEach((call, i) => {
    view.setUint32(at + 48 + 8 * i, kernelNumber(call.kernel), true);
    view.setUint32(at + 52 + 8 * i, params, true);
    params += paramBytes[i]!;
  });
}

function writeParams(view: DataView, at: number, calls: readonly KernelCall[], paramBytes: readonly number[], addresses: Addresses): void {
  calls.forEach((call, i) => {
    layouts[call.kernel].forEach(([field, type], f) => {
      const value = call.params[field];
      if (value === undefined) throw new Error(`${call.kernel} of "${call.node}" lacks ${field}`);
      writeField(view, at + 4 * f, type, typeof value === "number" ? value : addresses.of(value));
    });
    at += paramBytes[i]!;
  });
}

function writeField(view: DataView, at: number, type: FieldType, value: number): void {
  if (type === "f32") view.setFloat32(at, value, true);
  else view.setInt32(at, value, true);
}
