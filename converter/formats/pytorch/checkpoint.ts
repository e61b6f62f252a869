/** Weights without a graph: `.safetensors`, and `.pt`/`.pth` (a zip of data.pkl and one entry per storage, or one stream before PyTorch 1.6). */
import { modelError } from "../../ir/error.ts";
import { isNamed, nameOf, readPickle, type Pickled } from "../wire/pickle.ts";
import { isSafetensors, readSafetensors } from "../wire/safetensors.ts";
import { openZip, type Zip } from "../wire/zip.ts";
import { budgetOf, contiguous, elementTypes, format, readStrided, safetensorsTypes, type Budget, type Parameter } from "./tensors.ts";

export type StateDict = Map<string, Parameter>;

/** Reads either format. @throws for files of other kinds, with what to save instead */
export function readCheckpoint(bytes: Uint8Array): StateDict {
  return withoutPrefix(isSafetensors(bytes) ? fromSafetensors(bytes) : isStream(bytes) ? fromStream(bytes) : fromArchive(openZip(bytes, format), budgetOf(bytes)));
}

/** A pickle of the number that torch.save wrote first before PyTorch 1.6. */
export const isStream = (bytes: Uint8Array): boolean => magic.every((b, i) => bytes[i] === b);
const magic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

/**
 * That number · version 1001 · what the machine was like · the value · the keys of its storages, each a pickle; then, in the order of the keys,
 * the number of elements (int64) and the elements of each. Source: torch/serialization.py, _legacy_save.
 */
function fromStream(bytes: Uint8Array): StateDict {
  const damaged = (problem: string): never => fail("file", problem, "It is cut off or damaged: copy it again."), storages = new Map<string, Storage>();
  let at = magic.length;
  const next = (words = vocabulary()): Pickled => {
    const { value, end } = readPickle(bytes, format, words, at);
    at = end;
    return value;
  };
  const version = next(), machine = next();
  if (version !== 1001) damaged(`its version is ${String(version)}, expected 1001`);
  if (machine instanceof Map && machine.get("little_endian") === false) fail("file", "its numbers are big-endian", "Save it on a little-endian machine.");
  const value = next(vocabulary(storages)), keys = next(), found = new Map<string, Uint8Array>(), view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const key of Array.isArray(keys) ? keys.map(String) : damaged("it has no list of storages")) {
    const type = storages.get(key)?.type ?? damaged(`storage "${key}" is of no tensor`), count = at + 8 <= bytes.length ? Number(view.getBigInt64(at, true)) : -1, size = count * elementTypes[type]!.bytes;
    if (!(size >= 0 && at + 8 + size <= bytes.length)) damaged(`storage "${key}" of ${count} elements should be at byte ${at}, the file has ${bytes.length}`);
    found.set(key, bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  return readTensors((key) => found.get(key), stateDict(value), budgetOf(bytes));
}

function fromSafetensors(bytes: Uint8Array): StateDict {
  const budget = budgetOf(bytes);
  return new Map([...readSafetensors(bytes, format)].map(([name, t]) =>
    [name, readStrided(name, safetensorsTypes[t.dtype] ?? t.dtype, t.bytes, { shape: t.shape, stride: contiguous(t.shape), offset: 0 }, budget)]));
}

const fail = (where: string, problem: string, remedy: string): never => { throw modelError("ERR_OCTAVO_FORMAT", format, where, problem, remedy); };
const saveInstead = "Save the weights alone: torch.save(model.state_dict(), \"model.pt\").";

/** A tensor whose storage has not been read yet. */
class Lazy {
  readonly storage: Storage;
  readonly offset: Pickled;
  readonly shape: Pickled;
  readonly stride: Pickled;
  constructor(storage: Storage, offset: Pickled, shape: Pickled, stride: Pickled) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.stride = stride;
  }
}
class Storage {
  readonly type: string;
  readonly key: string;
  constructor(type: string, key: string) {
    this.type = type;
    this.key = key;
  }
}

export function fromArchive(zip: Zip, budget: Budget): StateDict {
  const pickle = zip.names.find((n) => /^([^/]+\/)?data\.pkl$/.test(n));
  if (pickle === undefined) return fail("file", "it has no data.pkl, expected a checkpoint of torch.save", saveInstead);
  if (zip.names.some((n) => /^([^/]+\/)?(constants\.pkl|code\/)/.test(n))) {
    return fail("file", "it is a TorchScript archive, which holds code", `Export it with torch.export.save, or: ${saveInstead}`);
  }
  const root = pickle.slice(0, -"data.pkl".length), order = zip.read(`${root}byteorder`);
  if (order && new TextDecoder().decode(order).trim() === "big") {
    return fail("file", "its numbers are big-endian", "Save it on a little-endian machine.");
  }
  const { value } = readPickle(zip.read(pickle)!, format, vocabulary());
  return readTensors((key) => zip.read(`${root}data/${key}`), stateDict(value), budget);
}

/** The names that a checkpoint of tensors needs. @param seen gets the storages that it refers to */
function vocabulary(seen = new Map<string, Storage>()) {
  const storages = Object.fromEntries(Object.keys(elementTypes).map((type) => [`torch ${type}Storage`, () => null]));
  const tensor = (storage: Pickled, offset: Pickled, shape: Pickled, stride: Pickled) =>
    (storage instanceof Storage ? new Lazy(storage, offset, shape, stride) : fail("data.pkl", "it makes a tensor without a storage", saveInstead));
  const dtypes = Object.fromEntries(["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"].map((d) =>
    [`torch ${d}`, () => null]));
  return {
    names: {
      ...storages, ...dtypes, "collections OrderedDict": (pairs?: Pickled) =>
        new Map(Array.isArray(pairs) ? (pairs as [Pickled, Pickled][]).filter(Array.isArray) : []),
      "torch._utils _rebuild_tensor_v2": tensor, "torch._utils _rebuild_tensor": tensor, "torch._utils _rebuild_parameter": (data: Pickled) => data,
      "torch Size": (sizes: Pickled) => sizes,
      "torch device": (name: Pickled) => name, "builtins set": () => [], "__builtin__ set": () => [],
    },
    persistent: (id: Pickled) => {
      const [kind, type, key, , , view] = Array.isArray(id) ? id : [], name = /^torch (\w+)Storage$/.exec(nameOf(type))?.[1];
      if (view !== undefined && view !== null) return fail("data.pkl", "it has a storage that is part of another", saveInstead);
      const storage = kind === "storage" && name && (typeof key === "string" || typeof key === "number") ? new Storage(name, String(key)) : undefined;
      if (storage) seen.set(storage.key, storage);
      return storage ?? fail("data.pkl", isNamed(type, "torch UntypedStorage") ? "it has an untyped storage" : "it refers to data that is no tensor", saveInstead);
    },
    refuse: (name: string): never =>
      fail("data.pkl", `it asks for the Python name "${name}", which is not read: a file could run anything with it`, saveInstead),
  };
}

const wrapperKeys = ["state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "weights", "params", "ema"];

/** The dictionary of tensors: the value itself, or where training scripts usually put it. */
function stateDict(value: Pickled, depth = 0): Map<Pickled, Pickled> {
  if (value instanceof Lazy) return new Map([["weight", value]]);
  if (!(value instanceof Map) || depth > 8) return fail("data.pkl", "it holds no dictionary of tensors", saveInstead);
  if (value.size === 0 || [...value.values()].some((v) => v instanceof Lazy)) return value;
  const inner = wrapperKeys.map((key) => value.get(key)).find((v) => v instanceof Map);
  return inner instanceof Map ? stateDict(inner, depth + 1)
    : fail("data.pkl", `it holds no tensors, but ${[...value.keys()].slice(0, 8).map(textOf).join(", ")}`, saveInstead);
}

const textOf = (key: Pickled): string => (typeof key === "string" || typeof key === "number" ? `"${key}"` : "another key");

function readTensors(read: (key: string) => Uint8Array | undefined, dict: Map<Pickled, Pickled>, budget: Budget): StateDict {
  const storages = new Map<string, Uint8Array>(), tensors: StateDict = new Map();
  for (const [key, value] of dict) {
    if (!(value instanceof Lazy) || typeof key !== "string") continue;
    const name = key, { storage } = value;
    const bytes = storages.get(storage.key) ?? read(storage.key) ?? fail(`tensor "${name}"`, `its storage "${storage.key}" is missing`, "Save the file again.");
    storages.set(storage.key, bytes);
    tensors.set(name, readStrided(name, storage.type, bytes,
      { shape: sizes(name, value.shape), stride: sizes(name, value.stride), offset: typeof value.offset === "number" ? value.offset : -1 }, budget));
  }
  return tensors;
}

const sizes = (name: string, value: Pickled): number[] =>
  Array.isArray(value) && value.every((d) => typeof d === "number") ? (value as number[])
    : fail(`tensor "${name}"`, "it has no proper shape", "Save the file again.");

/** DataParallel and torch.compile put a prefix before every name. */
function withoutPrefix(dict: StateDict): StateDict {
  const prefix = ["module.", "_orig_mod."].find((p) => dict.size > 0 && [...dict.keys()].every((name) => name.startsWith(p)));
  return prefix ? withoutPrefix(new Map([...dict].map(([name, t]) => [name.slice(prefix.length), t]))) : dict;
}
