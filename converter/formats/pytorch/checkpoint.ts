/** Weights without a graph: `.safetensors`, and `.pt`/`.pth` (a zip of data.pkl and one entry per storage). */
import { modelError } from "../../ir/error.ts";
import { isNamed, nameOf, readPickle, type Pickled } from "../wire/pickle.ts";
import { isSafetensors, readSafetensors } from "../wire/safetensors.ts";
import { openZip, type Zip } from "../wire/zip.ts";
import { budgetOf, contiguous, elementTypes, format, readStrided, safetensorsTypes, type Budget, type Parameter } from "./tensors.ts";

export type StateDict = Map<string, Parameter>;

/** Reads either format. @throws for files of other kinds, with what to save instead */
export function readCheckpoint(bytes: Uint8Array): StateDict {
  return withoutPrefix(isSafetensors(bytes) ? fromSafetensors(bytes) : fromArchive(openZip(bytes, format), budgetOf(bytes)));
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
  return readTensors(zip, root, stateDict(value), budget);
}

/** The names that a checkpoint of tensors needs. */
function vocabulary() {
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
      const [kind, type, key] = Array.isArray(id) ? id : [], name = /^torch (\w+)Storage$/.exec(nameOf(type))?.[1];
      return kind === "storage" && name && (typeof key === "string" || typeof key === "number") ? new Storage(name, String(key))
        : fail("data.pkl", isNamed(type, "torch UntypedStorage") ? "it has an untyped storage" : "it refers to data that is no tensor", saveInstead);
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

function readTensors(zip: Zip, root: string, dict: Map<Pickled, Pickled>, budget: Budget): StateDict {
  const storages = new Map<string, Uint8Array>(), tensors: StateDict = new Map();
  for (const [key, value] of dict) {
    if (!(value instanceof Lazy) || typeof key !== "string") continue;
    const name = key, { storage } = value, entry = `${root}data/${storage.key}`;
    const bytes = storages.get(entry) ?? zip.read(entry) ?? fail(`tensor "${name}"`, `its storage "${entry}" is missing`, "Save the file again.");
    storages.set(entry, bytes);
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
