/** TF.js: model.json with weight shards beside it. LayersModel is a Keras configuration, GraphModel a TensorFlow graph. */
import { modelError } from "../ir/error.ts";
import type { Graph } from "../ir/graph.ts";
import { buildGraph } from "./keras/build.ts";
import { namedVariables, namedWeight } from "./keras/variables.ts";
import type { Reader, ReadOptions } from "./reader.ts";
import { readGraphModel } from "./tfjs/graph-model.ts";
import { readManifest } from "./tfjs/manifest.ts";
import { isObject, parseJson, type JsonObject } from "./wire/json.ts";

const format = "tfjs";

export const tfjs: Reader = {
  name: format,
  extensions: [".json"],
  sniff: (bytes) => /^\s*\{/.test(text(bytes.subarray(0, 64))) && /"(modelTopology|weightsManifest)"/.test(text(bytes)),
  read: async (bytes, options) => {
    const json = parseJson(text(bytes), format, "model.json");
    if (!isObject(json) || !isObject(json.modelTopology)) {
      throw modelError("ERR_OCTAVO_FORMAT", format, "model.json", "it has no modelTopology",
        "Pass the model.json that TF.js saved; a Keras configuration alone has no weights.");
    }
    return Array.isArray(json.modelTopology.node) ? readGraphModel(json, await readManifest(json.weightsManifest, options), options)
      : readLayersModel(json, json.modelTopology, options);
  },
};

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Weights are called as in .h5 files; topologies of converted models have the configuration one level deeper. */
async function readLayersModel(json: JsonObject, topology: JsonObject, options: ReadOptions): Promise<Graph> {
  const config = isObject(topology.model_config) ? topology.model_config : topology, weights = await readManifest(json.weightsManifest, options);
  const variables = namedVariables([...weights.values()].map((w) =>
    namedWeight(w.name, () => ({ name: w.name, shape: w.shape, data: Float32Array.from(w.data) }))));
  return buildGraph({ format, version: String(topology.keras_version ?? "2"), config, variables }, options);
}
