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
export const programKind = { infer: 1, train: 2, commit: 3, start: 4 } as const;
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
  training?: TrainingParts;
}

/** A program of its own tensors: calls of its own, and calls of inference by their position there. */
export interface TrainingProgram {
  kind: keyof typeof programKind;
  calls: readonly (KernelCall | { inference: number })[];
  /** Calls [first, end) are its body. */
  first: number;
  end: number;
  program: Program;
  /** Places of its buffers in the training arena; those in `bound` lie elsewhere. */
  buffers: readonly Placed[];
  bound: ReadonlyMap<string, Operand>;
}

/** What lies behind the memory of inference: the state, then the arena that all training programs share. */
export interface TrainingParts {
  programs: readonly TrainingProgram[];
  stateBytes: number;
  arenaBytes: number;
  /** Words of the struct Training (assembly/train/training.ts) behind its first two; addresses as operands of the train program. */
  info: readonly (number | Operand)[];
  /** Rows of a step; those of a part are among the words. */
  batch: number;
  /** What commit copies into the file: a float of the training state, of which inference holds a copy there. */
  cells: readonly { to: Cell; from: Operand }[];
}

/** A float of the file: an entry of the table of scales, a field of a call of inference, the scale of an output's integers. */
export type Cell = { scale: number } | { call: KernelCall; field: string } | { output: number };

const align = (n: number) => Math.ceil(n / ALIGN) * ALIGN;
type Section = "io" | "programs" | "params" | "constants" | "scales" | "metadata";

export async function writeModelFile(parts: ModelParts): Promise<Uint8Array> {
  const metadata = new TextEncoder().encode(JSON.stringify(parts.metadata)), programs = programsOf(parts), constants = [...constantsOf(programs)], structs = new Structs(programs);
  const infoBytes = parts.training ? 4 * (4 + parts.training.info.length + 2 * parts.training.cells.length) : 0;
  const sizes: Record<Section, number> = {
    io: 32 * (parts.inputs.length + parts.outputs.length + parts.states.length),
    programs: 16 + sum(programs.map((p) => 32 + 8 * p.calls.length)),
    params: structs.bytes + align(infoBytes),
    constants: sum(constants.map(([, bytes]) => align(bytes.length))),
    scales: parts.scales.byteLength,
    metadata: metadata.length,
  };
  const sections = layOut(sizes), imageBytes = sections.metadata.offset, fileBytes = imageBytes + metadata.length;
  const addresses = new Addresses(parts, constants, sections.constants.offset + BASE, BASE + imageBytes);
  const bytes = new Uint8Array(fileBytes), view = new DataView(bytes.buffer);
  writeHeader(view, sections, { fileBytes, imageBytes, writable: addresses.writable, arenaBytes: parts.arenaBytes, end: addresses.end });
  writePorts(view, sections.io.offset, parts, addresses);
  writePrograms(view, sections.programs.offset, sections.params.offset, programs, structs);
  for (const p of programs) for (const call of p.calls) if ("kernel" in call) writeParams(view, sections.params.offset + structs.offset(call), call, (o) => addresses.of(o, p));
  const cell = (to: Cell) => BASE + ("scale" in to ? sections.scales.offset + 4 * to.scale : "output" in to ? sections.io.offset + 32 * (parts.inputs.length + to.output) + 24 : sections.params.offset + structs.offset(to.call) + fieldOffset(to.call, to.field));
  if (parts.training) writeInfo(view, sections.params.offset + structs.bytes, parts.training, addresses, cell);
  for (const [id, data] of constants) bytes.set(data, addresses.constant(id) - BASE);
  bytes.set(new Uint8Array(parts.scales.buffer, parts.scales.byteOffset, parts.scales.byteLength), sections.scales.offset);
  bytes.set(metadata, sections.metadata.offset);
  await seal(bytes);
  return bytes;
}

/** Inference first, with its own tensors at their own places. */
function programsOf(parts: ModelParts): TrainingProgram[] {
  const { program, buffers, body } = parts;
  return [{ kind: "infer", calls: program.calls, first: body.first, end: body.end, program, buffers, bound: new Map() }, ...(parts.training?.programs ?? [])];
}

/** Equal identities hold equal bytes: a digest names the bytes, an owner's constants are named after it. */
function constantsOf(programs: readonly TrainingProgram[]): Map<string, Uint8Array> {
  const all = new Map<string, Uint8Array>();
  for (const { program } of programs) for (const [id, bytes] of program.constants) if (!all.has(id)) all.set(id, bytes);
  return all;
}

/** Where in the section of parameters each call's struct lies. */
class Structs {
  readonly bytes: number;
  private readonly offsets = new Map<KernelCall, number>();

  constructor(programs: readonly TrainingProgram[]) {
    let at = 0;
    for (const { calls } of programs) for (const call of calls) {
      if (!("kernel" in call) || this.offsets.has(call)) continue;
      this.offsets.set(call, at);
      at += align(4 * layouts[call.kernel].length);
    }
    this.bytes = at;
  }

  offset(call: KernelCall): number {
    return this.offsets.get(call)!;
  }
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
  private readonly inference: Program;
  private readonly trainingArena: number;

  constructor(parts: ModelParts, constants: readonly [string, Uint8Array][], constantsAt: number, imageEnd: number) {
    this.inference = parts.program;
    for (const [id, bytes] of constants) {
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
    this.trainingArena = this.end + align(parts.training?.stateBytes ?? 0);
  }

  constant(id: string): number {
    return this.constants.get(id)!;
  }

  /** Of an operand as the given program, by default inference, names it. */
  of(operand: Operand, p?: TrainingProgram): number {
    switch (operand.kind) {
      case "constant": return this.constant(operand.id) + operand.offset;
      case "state": return this.end + operand.offset;
      case "inference": return this.tensor(operand.id) + operand.offset;
      default: return (p && p.kind !== "infer" ? this.trainingTensor(operand.id, p) : this.tensor(operand.id)) + operand.offset;
    }
  }

  tensor(name: string): number {
    const { id, offset } = resolve(this.inference, name), address = this.buffers.get(id);
    if (address === undefined) throw new Error(`no address was planned for "${name}"`);
    return address + offset;
  }

  private trainingTensor(name: string, { program, buffers, bound }: TrainingProgram): number {
    const { id, offset } = resolve(program, name), elsewhere = bound.get(id), placed = buffers.find((b) => b.id === id);
    if (elsewhere) return this.of(elsewhere) + offset;
    if (!placed) throw new Error(`no address was planned for "${name}" of training`);
    return this.trainingArena + placed.offset + offset;
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
  const port = (kind: number, p: Port) => {
    const raw = p.bytes ? p.raw : undefined; // nothing writes the integers of an empty tensor
    entry(kind, dtypeNumber[p.dtype], addresses.tensor(p.tensor), p.bytes, raw && dtypeNumber[raw.dtype], raw && addresses.tensor(raw.tensor), raw?.scale, raw?.zeroPoint);
  };
  for (const p of parts.inputs) port(ioKind.input, p);
  for (const p of parts.outputs) port(ioKind.output, p);
  for (const s of parts.states) entry(ioKind.state, 0, addresses.tensor(s.tensor), s.bytes, 0, s.initial ? addresses.of(s.initial) : 0);
}

/** Count, then per program 32 bytes (kind, address of its calls, count, body first, body end, of train: the struct Training), then the calls. */
function writePrograms(view: DataView, at: number, params: number, programs: readonly TrainingProgram[], structs: Structs): void {
  view.setUint32(at, programs.length, true);
  let calls = at + 16 + 32 * programs.length;
  programs.forEach((p, i) => {
    [programKind[p.kind], BASE + calls, p.calls.length, p.first, p.end, p.kind === "train" ? BASE + params + structs.bytes : 0].forEach((v, k) => view.setUint32(at + 16 + 32 * i + 4 * k, v, true));
    for (const given of p.calls) {
      const call = "kernel" in given ? given : programs[0]!.calls[given.inference] as KernelCall;
      view.setUint32(calls, kernelNumber(call.kernel), true);
      view.setUint32(calls + 4, BASE + params + structs.offset(call), true);
      calls += 8;
    }
  });
}

function writeParams(view: DataView, at: number, call: KernelCall, address: (o: Operand) => number): void {
  layouts[call.kernel].forEach(([field, type], f) => {
    const value = call.params[field];
    if (value === undefined) throw new Error(`${call.kernel} of "${call.node}" lacks ${field}`);
    writeField(view, at + 4 * f, type, typeof value === "number" ? value : address(value));
  });
}

const fieldOffset = ({ kernel }: KernelCall, field: string): number => 4 * layouts[kernel].findIndex(([name]) => name === field);

/** One past the last byte of training, address of its state, the given words, then what commit copies: count, and (to, from) of each; the rows of a step. */
function writeInfo(view: DataView, at: number, { programs, stateBytes, arenaBytes, info, cells, batch }: TrainingParts, addresses: Addresses, cell: (to: Cell) => number): void {
  const train = programs.find((p) => p.kind === "train")!, words = info.map((w) => (typeof w === "number" ? w : addresses.of(w, train)));
  const copies = [cells.length, ...cells.flatMap(({ to, from }) => [cell(to), addresses.of(from, train)])];
  [addresses.end + align(stateBytes) + align(arenaBytes), addresses.end, ...words, ...copies, batch].forEach((v, i) => view.setUint32(at + 4 * i, v, true));
}

function writeField(view: DataView, at: number, type: FieldType, value: number): void {
  if (type === "f32") view.setFloat32(at, value, true);
  else view.setInt32(at, value, true);
}
