/** Weights and constants of a torch.export archive. */
import { modelError } from "../../ir/error.ts";
import { isObject, parseJson, type Json, type JsonObject } from "../wire/json.ts";
import { openZip, type Zip } from "../wire/zip.ts";
import { fromArchive } from "./checkpoint.ts";
import { format, readStrided, scalarTypes, type Budget, type Parameter } from "./tensors.ts";

const fail = (where: string, problem: string): never => { throw modelError("ERR_OCTAVO_FORMAT", format, where, problem,
  "Export the model again with torch.export."); };

export function exportedWeights(zip: Zip, budget: Budget): Map<string, Parameter> {
  const tensors = new Map<string, Parameter>();
  for (const entry of zip.names) {
    if (/(^|\/)data\/(weights|constants)\/[^/]+_config\.json$/.test(entry)) readConfig(zip, entry, budget, tensors);
    else if (/(^|\/)serialized_(state_dict|constants)\.(pt|json)$/.test(entry)) readPickled(zip, entry, budget, tensors);
  }
  return tensors;
}

/** Name → file, type, sizes, strides and offset of its storage. */
function readConfig(zip: Zip, entry: string, budget: Budget, tensors: Map<string, Parameter>): void {
  const json = parseJson(new TextDecoder().decode(zip.read(entry)!), format, entry), folder = entry.slice(0, entry.lastIndexOf("/") + 1);
  const files = new Map<string, Uint8Array>();
  for (const [name, value] of Object.entries(isObject(json) && isObject(json.config) ? json.config : {})) {
    if (!isObject(value) || !isObject(value.tensor_meta)) continue;
    const path = folder + String(value.path_name);
    const bytes = files.get(path) ?? zip.read(path) ?? fail(`tensor "${name}"`, `its file "${path}" is missing`);
    files.set(path, bytes);
    tensors.set(name, value.use_pickle === true ? single(name, bytes, budget) : strided(name, value.tensor_meta, bytes, budget));
  }
}

function strided(name: string, meta: JsonObject, bytes: Uint8Array, budget: Budget): Parameter {
  const offset = meta.storage_offset === undefined ? 0 : int(name, meta.storage_offset);
  const sizes = (key: string) => (Array.isArray(meta[key]) ? meta[key].map((v) => int(name, v)) : fail(`tensor "${name}"`, `it has no ${key}`));
  return readStrided(name, scalarTypes[Number(meta.dtype)] ?? `number ${String(meta.dtype)}`, bytes,
    { shape: sizes("sizes"), stride: sizes("strides"), offset }, budget);
}

const int = (name: string, json: Json): number =>
  (isObject(json) && typeof json.as_int === "number" ? json.as_int : fail(`tensor "${name}"`, "its size is not fixed"));

/** A tensor saved by torch.save. */
function single(name: string, bytes: Uint8Array, budget: Budget): Parameter {
  return [...fromArchive(openZip(bytes, format), budget).values()][0] ?? fail(`tensor "${name}"`, "its file holds no tensor");
}

/** State dictionaries of older archives are saved by torch.save. */
function readPickled(zip: Zip, entry: string, budget: Budget, tensors: Map<string, Parameter>): void {
  const bytes = zip.read(entry)!;
  if (bytes.length === 0) return;
  for (const [name, t] of fromArchive(openZip(bytes, format), budget)) tensors.set(name, t);
}
