/** Damaged Keras and TF.js files: a clear refusal or a graph, within 2 seconds and 512 MB each. OCTAVO_FUZZ=100000 runs more of them. */
import { expect, test } from "vitest";
import { readModel } from "../../converter/formats/index.ts";
import { buildGraph } from "../../converter/formats/keras/build.ts";
import { groupedVariables, treeVariables, type Variables } from "../../converter/formats/keras/variables.ts";
import { openHdf5 } from "../../converter/formats/wire/hdf5.ts";
import type { Json } from "../../converter/formats/wire/json.ts";
import { openZip } from "../../converter/formats/wire/zip.ts";
import { attempts, count, looking } from "./attempt.ts";
import { bytesOf, madeCases } from "./made.ts";
import { mutate, mutateTree, randomOf } from "./mutate.ts";

const keras = madeCases<{ keras: string; h5: string }>("keras"), tfjs = madeCases<{ model: object; weights: string }>("tfjs");
const text = new TextDecoder(), encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
/** Bytes of the structures in front, where an .h5 file keeps its superblock, groups and headers. */
const front = (bytes: Uint8Array, seed: number): Uint8Array => {
  const random = randomOf(seed), copy = bytes.slice();
  for (let k = 0; k <= random() * 5; k++) copy[Math.floor(random() * Math.min(copy.length, 8000))] = random() < 0.5 ? 255
    : Math.floor(random() * 256);
  return copy;
};

for (const form of ["h5", "keras"] as const)
  test(`${count} .${form} files with damaged bytes`, () => attempts(count, (k) => {
    const bytes = bytesOf(keras[(k * 7919) % keras.length]![form]);
    return readModel(k % 2 ? mutate(bytes, k) : front(bytes, k), { name: `damaged.${form}`, ...looking(k) });
  }));

interface Parsed { config: Json; variables: Variables }
function parsed(k: number): Parsed {
  const c = keras[(k * 7919) % keras.length]!;
  if (k % 2) {
    const root = openHdf5(bytesOf(c.h5), "keras");
    return { config: JSON.parse(root.attribute("model_config")!.data[0] as string) as Json, variables: groupedVariables(root.at("model_weights")!) };
  }
  const zip = openZip(bytesOf(c.keras), "keras");
  return { config: JSON.parse(text.decode(zip.read("config.json"))) as Json,
    variables: treeVariables(openHdf5(zip.read("model.weights.h5")!, "keras")) };
}

test(`${count} Keras configurations that lie`, () => attempts(count, async (k) => {
  const { config, variables } = parsed(k), tree = { config };
  mutateTree(tree, k);
  buildGraph({ format: "keras", version: "3", config: tree.config, variables }, { stateful: k % 3 === 0, ...looking(k) });
}));

test(`${count} GraphModels that lie`, () => attempts(count, (k) => {
  const c = tfjs[(k * 7919) % tfjs.length]!, tree = { model: structuredClone(c.model) }, weights = bytesOf(c.weights);
  mutateTree(tree, k);
  return readModel(encode(tree.model), { name: "model.json", ...looking(k), resolve: async () => (k % 4 ? weights : mutate(weights, k)) });
}));

test("the fuzz tests see refusals and graphs", async () => {
  const results = await Promise.allSettled(Array.from({ length: 200 }, (_, k) =>
    readModel(mutate(bytesOf(keras[k % keras.length]!.h5), k), { name: "damaged.h5" })));
  expect(new Set(results.map((r) => r.status))).toEqual(new Set(["fulfilled", "rejected"]));
});
