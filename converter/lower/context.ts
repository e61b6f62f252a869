/** What a lowering writes: kernel calls with symbolic operands, which plan and write turn into addresses. */
import { bytesOf, freshName, sizeOf, tensorOf, type DType, type Graph, type Node, type Tensor, type TypedArray } from "../ir/graph.ts";
import type { KernelName } from "../write/layout.ts";

/**
 * A place in memory that is known later: a tensor, a constant of the file, scratch of one call; in a program of training also
 * a tensor of inference, or bytes of the training state.
 */
export interface Operand { kind: "tensor" | "constant" | "scratch" | "inference" | "state"; id: string; offset: number }
export type Params = Record<string, number | Operand>;

export interface KernelCall {
  kernel: KernelName;
  params: Params;
  /** Names of the arena tensors that the call reads and writes, for lifetimes. */
  reads: string[];
  writes: string[];
  /** The layer of the source model. */
  node: string;
  /** Multiply-accumulates of one call. */
  macs: number;
}

/** A tensor that shares the bytes of another, `offset` bytes in. */
export interface Alias { of: string; offset: number }

export interface Program {
  calls: KernelCall[];
  constants: Map<string, Uint8Array>;
  /** Bytes of every tensor and scratch block that lives in the arena. */
  buffers: Map<string, number>;
  aliases: Map<string, Alias>;
}

/** The buffer that holds `id`, and where in it. Aliases of aliases on the way are shortened, which keeps long chains cheap. */
export function resolve({ aliases }: Program, id: string): { id: string; offset: number } {
  let offset = 0;
  for (let alias = aliases.get(id); alias; alias = aliases.get(id)) {
    const next = aliases.get(alias.of);
    if (next) aliases.set(id, alias = { of: next.of, offset: alias.offset + next.offset });
    offset += alias.offset;
    id = alias.of;
  }
  return { id, offset };
}

/** The step that reads a buffer last, and which part of it: where it begins and its elements. The offset is NaN where it reads several parts. */
interface LastRead { step: number; offset: number; size: number }

const later = (a: LastRead, b: LastRead): LastRead =>
  (a.step !== b.step ? (a.step > b.step ? a : b) : { ...a, offset: a.offset === b.offset && a.size === b.size ? a.offset : NaN });

export type Rounding = "fast" | "tflite";

export interface LoweringOptions {
  /** Nodes whose constants are theirs alone, as training changes them. */
  owned?: ReadonlySet<string>;
  /** Writes the calls of `storedWeights`: weights of inference, as floats. */
  stored?: (node: Node<"storedWeights">, c: LoweringContext) => void;
}

export class LoweringContext {
  readonly graph: Graph;
  readonly rounding: Rounding;
  readonly stored: LoweringOptions["stored"];
  private readonly owned: ReadonlySet<string>;
  readonly program: Program = { calls: [], constants: new Map(), buffers: new Map(), aliases: new Map() };
  private node = "";
  private step = -1;
  private readonly stateInputs: ReadonlySet<string>;
  /** By tensor; for one that others are part of, theirs too. None for what outlives the run. */
  private readonly lastReads = new Map<string, LastRead>();

  constructor(graph: Graph, rounding: Rounding, { owned = new Set(), stored }: LoweringOptions = {}) {
    this.graph = graph;
    this.rounding = rounding;
    this.owned = owned;
    this.stored = stored;
    this.stateInputs = new Set(graph.states.map((s) => s.input));
    graph.nodes.forEach((node, step) => node.inputs.forEach((name) => name && this.lastReads.set(name, { step, offset: 0, size: sizeOf(this.tensor(name).shape) })));
    for (const name of [...graph.outputs, ...graph.states.flatMap((s) => [s.input, s.output])]) this.lastReads.delete(name);
  }

  /** True for a program of training, which has its kernels. */
  get trains(): boolean {
    return this.stored !== undefined;
  }

  /** Names the layer that the following calls belong to: the next node of the graph. */
  begin(node: string): void {
    this.node = node;
    this.step++;
  }

  tensor(name: string): Tensor {
    return tensorOf(this.graph, name);
  }

  /** Operand of a tensor: in the arena, or in the file where it is constant. `offset` in bytes. */
  at(name: string, offset = 0): Operand {
    const tensor = this.tensor(name);
    if (tensor.data) return { ...this.constant(narrow(tensor)), offset };
    if (!this.program.buffers.has(name) && !this.program.aliases.has(name)) this.program.buffers.set(name, sizeOf(tensor.shape) * bytesOf(tensor.dtype));
    return { kind: "tensor", id: name, offset };
  }

  /** Bytes that ship in the file; equal bytes are stored once, but for those of a node that owns its constants. */
  constant(data: TypedArray | Uint8Array): Operand {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength), constants = this.program.constants;
    let id = this.owned.has(this.node) ? `${this.node} constant ${constants.size}` : digest(bytes);
    while (constants.has(id) && !equal(constants.get(id)!, bytes)) id += "'";
    constants.set(id, bytes);
    return { kind: "constant", id, offset: 0 };
  }

  /** Working memory of the calls of this node: alive from the first call that names it to the last. */
  scratch(bytes: number): Operand {
    const id = `scratch ${this.program.buffers.size}`;
    this.program.buffers.set(id, Math.max(16, bytes));
    return { kind: "scratch", id, offset: 0 };
  }

  /** A float tensor between two calls of this node. */
  temporary(shape: readonly number[], dtype: DType = "float32"): string {
    const name = freshName(this.graph, `${this.node} part`);
    this.graph.tensors.set(name, { name, dtype, shape: [...shape] });
    return name;
  }

  /** The same values in another shape. */
  reshaped(name: string, shape: readonly number[]): string {
    const { data, dtype } = this.tensor(name), view = this.temporary(shape, dtype);
    if (data) this.tensor(view).data = data;
    else this.alias(view, name);
    return view;
  }

  /** `name` is the bytes of `of`, `offset` bytes in: no copy is made. */
  alias(name: string, of: string, offset = 0): void {
    this.at(of);
    const at = resolve(this.program, of), own = this.lastRead(name);
    this.program.aliases.set(name, { of, offset });
    this.lastReads.set(at.id, later(this.lastRead(at.id), { ...own, offset: own.offset + at.offset + offset }));
  }

  private lastRead(buffer: string): LastRead {
    return this.lastReads.get(buffer) ?? { step: Infinity, offset: 0, size: 0 };
  }

  /** Lets `y` be the bytes of `x`, which it equals, `offset` bytes in. False where it needs its own: x is constant or a state, or y has a place already. */
  share(y: string, x: string, offset = 0): boolean {
    const { id } = resolve(this.program, x), own = this.program.aliases.has(y) || this.program.buffers.has(y);
    if (own || this.tensor(x).data || this.stateInputs.has(id) || this.stateInputs.has(y)) return false;
    this.alias(y, x, offset);
    return true;
  }

  /**
   * Lets `y` take the place of `x`, an operand of the same size, where nobody reads x or what shares its bytes after this node, nor
   * this node other bytes of theirs. Parts of a node are never taken: it may read them again.
   */
  inherit(y: string, x: string): void {
    if (this.tensor(x).data || bytesOf(this.tensor(x).dtype) !== bytesOf(this.tensor(y).dtype)) return;
    const { id, offset } = resolve(this.program, x), last = this.lastRead(id);
    if (last.step < this.step || (last.step === this.step && last.offset === offset)) this.share(y, x);
  }

  sameBuffer(x: string, y: string): boolean {
    return resolve(this.program, x).id === resolve(this.program, y).id;
  }

  /** True if `x` lies in `y`, `offset` bytes in. */
  lies(x: string, y: string, offset: number): boolean {
    const from = resolve(this.program, x), to = resolve(this.program, y);
    return from.id === to.id && from.offset === to.offset + offset;
  }

  /** @param written names of the params that the kernel writes; every other operand is read */
  call(kernel: KernelName, params: Params, written: readonly string[], macs = 0): void {
    const operands = Object.entries(params).filter((e): e is [string, Operand] => typeof e[1] === "object" && (e[1].kind === "tensor" || e[1].kind === "scratch"));
    const pick = (wanted: boolean) => operands.filter(([field]) => written.includes(field) === wanted).map(([, o]) => o.id);
    const scratch = operands.filter(([, o]) => o.kind === "scratch").map(([, o]) => o.id);
    this.program.calls.push({ kernel, params, reads: [...new Set([...pick(false), ...scratch])], writes: [...new Set(pick(true))], node: this.node, macs });
  }
}

/** int64 is stored as int32. */
const narrow = (t: Tensor): TypedArray => (t.dtype === "int64" ? Int32Array.from(t.data!, (v) => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, v))) : t.data!);

/** Two 32-bit FNV-1a style sums: candidates for equality, which `constant` then confirms byte by byte. */
function digest(bytes: Uint8Array): string {
  let a = 0x811c9dc5, b = 0x9747b28c;
  for (let i = 0; i < bytes.length; i++) {
    a = Math.imul(a ^ bytes[i]!, 16777619);
    b = Math.imul(b ^ bytes[i]!, 0x5bd1e995) ^ (b >>> 15);
  }
  return `${bytes.length}:${a >>> 0}:${b >>> 0}`;
}

const equal = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((v, i) => v === b[i]);
