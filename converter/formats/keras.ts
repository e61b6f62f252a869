/** Keras: `.h5` of Keras 2 and 3, and `.keras` (a zip of config.json and model.weights.h5). No code in a file is ever run. */
import { modelError } from "../ir/error.ts";
import type { Graph } from "../ir/graph.ts";
import { buildGraph } from "./keras/build.ts";
import { groupedVariables, treeVariables } from "./keras/variables.ts";
import type { Reader, ReadOptions } from "./reader.ts";
import { isHdf5, openHdf5, type Hdf5Object } from "./wire/hdf5.ts";
import { isObject, parseJson } from "./wire/json.ts";
import { isZip, openZip } from "./wire/zip.ts";

const format = "keras";

export const keras: Reader = {
  name: format,
  extensions: [".keras", ".h5", ".hdf5"],
  sniff: (bytes) => isHdf5(bytes) || (isZip(bytes) && zipHasConfig(bytes)),
  read: (bytes, options) => (isZip(bytes) ? readArchive(bytes, options) : readHdf5(bytes, options)),
};

function zipHasConfig(bytes: Uint8Array): boolean {
  try {
    return openZip(bytes, format).names.includes("config.json");
  } catch {
    return false;
  }
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function readArchive(bytes: Uint8Array, options: ReadOptions): Graph {
  const zip = openZip(bytes, format);
  const entry = (name: string) => zip.read(name) ?? missing(`archive entry "${name}"`);
  const config = parseJson(text(entry("config.json")), format, "config.json");
  const metadata = parseJson(text(entry("metadata.json")), format, "metadata.json");
  const weights = openHdf5(entry("model.weights.h5"), format), version = isObject(metadata) ? String(metadata.keras_version) : "";
  return buildGraph({ format, version, config, variables: treeVariables(weights) }, options);
}

const missing = (where: string): never => {
  throw modelError("ERR_OCTAVO_FORMAT", format, where, "it is missing, expected a whole model", "Save the model with model.save(\"model.keras\").");
};

function readHdf5(bytes: Uint8Array, options: ReadOptions): Graph {
  const root = openHdf5(bytes, format), configuration = textAttribute(root, "model_config");
  if (configuration === undefined) return missing("attribute \"model_config\"");
  const version = textAttribute(root, "keras_version") ?? "2", weights = root.at("model_weights") ?? missing("group \"model_weights\"");
  if (/^[01]\./.test(version)) {
    throw modelError("ERR_OCTAVO_FORMAT", format, "file", `it was saved by Keras ${version}, expected 2 or later`,
      "Load it with Keras 2 and save it again.");
  }
  const config = parseJson(configuration, format, "attribute \"model_config\"");
  return buildGraph({ format, version, config, variables: groupedVariables(weights) }, options);
}

const textAttribute = (object: Hdf5Object, name: string): string | undefined => {
  const value = object.attribute(name)?.data[0];
  return typeof value === "string" ? value : undefined;
};
