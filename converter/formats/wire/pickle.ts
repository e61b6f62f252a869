/**
 * Pickles read as data: a stack machine over an allow-list of names, nothing is ever run or imported.
 * Source: CPython Lib/pickletools.py, protocols 2 to 5. Names that are not allowed are refused where they are mentioned.
 */
import { Bytes } from "./bytes.ts";

/** What stands for a Python value: numbers, texts, bytes, lists, dictionaries, and what `Names` makes. */
export type Pickled = unknown;
export type PickledDict = Map<Pickled, Pickled>;

export interface Vocabulary {
  /** "module name" → what calling it with arguments gives. */
  names: Record<string, (...args: Pickled[]) => Pickled>;
  /** What a persistent id stands for. */
  persistent?: (id: Pickled) => Pickled;
  /** The error for a name that is not allowed. */
  refuse: (name: string) => never;
}

/** A name on the stack, callable by REDUCE. */
class Named {
  readonly name: string;
  readonly make: (...args: Pickled[]) => Pickled;
  constructor(name: string, make: (...args: Pickled[]) => Pickled) {
    this.name = name;
    this.make = make;
  }
}

export const isNamed = (value: Pickled, name: string): boolean => value instanceof Named && value.name === name;
export const nameOf = (value: Pickled): string => (value instanceof Named ? value.name : "");

interface Machine { bytes: Bytes; at: number; stack: Pickled[]; marks: number[]; memo: Map<number, Pickled>; words: Vocabulary }

/** The value of a pickle that starts at `start`, and where it ends. */
export function readPickle(data: Uint8Array, format: string, words: Vocabulary, start = 0): { value: Pickled; end: number } {
  const m: Machine = { bytes: new Bytes(data, format), at: start, stack: [], marks: [], memo: new Map(), words };
  for (;;) {
    const at = m.at, code = m.bytes.u8(m.at++);
    if (code === STOP) return { value: pop(m), end: m.at };
    (opcodes[code] ?? m.bytes.fail(at, `found pickle instruction 0x${code.toString(16)}, which is not read`,
      "Save a state_dict with torch.save, or as safetensors."))(m);
  }
}

const STOP = 0x2e;

function pop(m: Machine): Pickled {
  if (m.stack.length <= (m.marks.at(-1) ?? 0)) m.bytes.fail(m.at, "found a pickle that takes more than it put on its stack");
  return m.stack.pop();
}

/** Everything above the last mark. */
function popMark(m: Machine): Pickled[] {
  const mark = m.marks.pop();
  return mark === undefined ? m.bytes.fail(m.at, "found a pickle that ends a group without a beginning") : m.stack.splice(mark);
}

const top = (m: Machine): Pickled =>
  (m.stack.length > (m.marks.at(-1) ?? 0) ? m.stack.at(-1) : m.bytes.fail(m.at, "found a pickle that uses an empty stack"));
const push = (value: (m: Machine) => Pickled) => (m: Machine): void => void m.stack.push(value(m));

/** Advances over `n` bytes and returns where they began. */
function take(m: Machine, n: number): number {
  const at = m.at;
  m.bytes.slice(at, n);
  m.at += n;
  return at;
}

const u = (m: Machine, width: number): number => m.bytes.uint(take(m, width), width);
const text = (width: number) => (m: Machine): string => {
  const length = u(m, width);
  return m.bytes.text(take(m, length), length);
};
const raw = (width: number) => (m: Machine): Uint8Array => {
  const length = u(m, width);
  return m.bytes.slice(take(m, length), length);
};

function line(m: Machine): string {
  const start = m.at;
  while (m.bytes.u8(m.at) !== 10) m.at++;
  return m.bytes.text(start, m.at++ - start);
}

/** Two's complement of any width; beyond 2^53 it loses its last digits. */
function long(width: number): (m: Machine) => number {
  return (m) => {
    const length = u(m, width), bytes = m.bytes.slice(take(m, length), length);
    let value = 0;
    for (let i = length - 1; i >= 0; i--) value = value * 256 + bytes[i]!;
    return length && bytes[length - 1]! > 127 ? value - 256 ** length : value;
  };
}

function double(m: Machine): number {
  const bytes = m.bytes.slice(take(m, 8), 8);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0);
}

function name(m: Machine, module: string, member: string): Named {
  const full = `${module} ${member}`;
  return Object.hasOwn(m.words.names, full) ? new Named(full, m.words.names[full]!) : m.words.refuse(`${module}.${member}`);
}

function globalOnStack(m: Machine): Named {
  const member = pop(m), module = pop(m);
  return name(m, String(module), String(member));
}

function call(m: Machine): Pickled {
  const args = pop(m), f = pop(m);
  if (!(f instanceof Named) || !Array.isArray(args)) return m.bytes.fail(m.at, "found a pickle that calls what is no allowed name");
  return f.make(...args);
}

function setItems(m: Machine, items: Pickled[]): void {
  const dict = top(m);
  if (!(dict instanceof Map)) return m.bytes.fail(m.at, "found a pickle that sets items of what is no dictionary");
  for (let i = 0; i + 1 < items.length; i += 2) dict.set(items[i], items[i + 1]);
}

function append(m: Machine, items: Pickled[]): void {
  const list = top(m);
  if (!Array.isArray(list)) return m.bytes.fail(m.at, "found a pickle that appends to what is no list");
  for (const item of items) list.push(item);
}

function recall(m: Machine, key: number): Pickled {
  return m.memo.has(key) ? m.memo.get(key) : m.bytes.fail(m.at, `found a pickle that recalls number ${key}, which it never kept`);
}

const keep = (m: Machine, key: number): void => void m.memo.set(key, top(m));
const tuple = (n: number) => push((m) => Array.from({ length: n }, () => pop(m)).reverse());

/** Attributes of an object (BUILD): an OrderedDict has `_metadata`, which is not needed. */
const build = (m: Machine): void => void pop(m);

const opcodes: Record<number, (m: Machine) => void> = {
  0x80: (m) => void take(m, 1), // PROTO
  0x95: (m) => void take(m, 8), // FRAME
  0x28: (m) => void m.marks.push(m.stack.length), // MARK
  0x30: (m) => void pop(m), // POP
  0x31: (m) => void popMark(m), // POP_MARK
  0x32: push(top), // DUP
  0x4e: push(() => null), 0x88: push(() => true), 0x89: push(() => false),
  0x4b: push((m) => u(m, 1)), 0x4d: push((m) => u(m, 2)), 0x4a: push((m) => m.bytes.i32(take(m, 4))), 0x8a: push(long(1)), 0x8b: push(long(4)),
  0x47: push(double),
  0x58: push(text(4)), 0x8c: push(text(1)), 0x8d: push(text(8)), 0x54: push(text(4)), 0x55: push(text(1)),
  0x42: push(raw(4)), 0x43: push(raw(1)), 0x8e: push(raw(8)),
  0x5d: push(() => []), 0x7d: push(() => new Map()), 0x29: push(() => []), 0x8f: push(() => []),
  0x85: tuple(1), 0x86: tuple(2), 0x87: tuple(3), 0x74: push(popMark), 0x6c: push(popMark), // TUPLE, LIST
  0x64: (m) => { // DICT
    const items = popMark(m);
    m.stack.push(new Map());
    setItems(m, items);
  },
  0x61: (m) => append(m, [pop(m)]), 0x65: (m) => append(m, popMark(m)), 0x90: (m) => append(m, popMark(m)),
  0x73: (m) => { const value = pop(m), key = pop(m); setItems(m, [key, value]); }, 0x75: (m) => setItems(m, popMark(m)),
  0x71: (m) => keep(m, u(m, 1)), 0x72: (m) => keep(m, u(m, 4)), 0x94: (m) => keep(m, m.memo.size),
  0x68: push((m) => recall(m, u(m, 1))), 0x6a: push((m) => recall(m, u(m, 4))),
  0x63: push((m) => name(m, line(m), line(m))), 0x93: push(globalOnStack),
  0x52: push(call), 0x81: push(call), 0x62: build,
  0x51: push((m) => m.words.persistent?.(pop(m)) ?? m.bytes.fail(m.at, "found a pickle that refers to outside data")),
};
