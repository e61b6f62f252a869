/** Damaged PyTorch files and architectures: a clear refusal or a graph, within 2 seconds and 512 MB each. OCTAVO_FUZZ=100000 runs more of them. */
import { readdirSync, readFileSync } from "node:fs";
import { test } from "vitest";
import { zipSync } from "fflate";
import { readModel } from "../../converter/formats/index.ts";
import { modules } from "../../converter/formats/pytorch/modules.ts";
import { openZip } from "../../converter/formats/wire/zip.ts";
import { attempts, count, looking } from "./attempt.ts";
import { bytesOf, madeCases } from "./made.ts";
import { mutate, mutateTree, randomOf } from "./mutate.ts";
import { absent, hasShared, sharedBytes } from "./shared.ts";

const cases = madeCases<{ pt2: string; pt?: string; architecture?: object }>("pytorch"), checkpoints = cases.filter((c) => c.pt);
const text = new TextDecoder(), encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Bytes of the entries that say something: graph, configuration or pickle. */
function damaged(bytes: Uint8Array, k: number): Uint8Array {
  const random = randomOf(k), zip = openZip(bytes, "pytorch"), entries = Object.fromEntries(zip.names.map((n) => [n, zip.read(n)!]));
  const telling = zip.names.filter((n) => /\.(json|pkl)$/.test(n)), name = telling[Math.floor(random() * telling.length)]!;
  return zipSync({ ...entries, [name]: mutate(entries[name]!, k) }, { level: 0 });
}

test(`${count} .pt2 archives with damaged bytes`, () => attempts(count, (k) => {
  const bytes = bytesOf(cases[(k * 7919) % cases.length]!.pt2);
  return readModel(k % 3 ? damaged(bytes, k) : mutate(bytes, k), { name: "damaged.pt2", ...looking(k) });
}));

test(`${count} exported graphs that lie`, () => attempts(count, (k) => {
  const zip = openZip(bytesOf(cases[(k * 7919) % cases.length]!.pt2), "pytorch");
  const entries = Object.fromEntries(zip.names.map((n) => [n, zip.read(n)!]));
  const telling = zip.names.filter((n) => n.endsWith(".json") && entries[n]!.length > 20), name = telling[k % telling.length]!;
  const tree = { json: JSON.parse(text.decode(entries[name])) as unknown };
  mutateTree(tree, k);
  return readModel(zipSync({ ...entries, [name]: encode(tree.json) }, { level: 0 }), { name: "lying.pt2", ...looking(k) });
}));

test(`${count} checkpoints with damaged bytes`, () => attempts(count, (k) => {
  const c = checkpoints[(k * 7919) % checkpoints.length]!, bytes = bytesOf(c.pt!);
  return readModel(k % 3 ? damaged(bytes, k) : mutate(bytes, k), { name: "damaged.pt", architecture: c.architecture });
}));

test(`${count} architectures that lie`, () => attempts(count, (k) => {
  const c = checkpoints[(k * 7919) % checkpoints.length]!, tree = { architecture: structuredClone(c.architecture) };
  mutateTree(tree, k);
  return readModel(bytesOf(c.pt!), { name: "m.pt", architecture: tree.architecture });
}));

/** With the sizes that weights would tell, and with layers that start as in Keras. */
function untrained(k: number): { architecture: unknown } {
  const c = checkpoints[(k * 7919) % checkpoints.length]!, tree = structuredClone({ architecture: c.architecture }) as { architecture: { layers: Record<string, unknown>[]; init?: string } };
  for (const layer of tree.architecture.layers) {
    const told = ["out_channels", "kernel_size", "out_features", "hidden_size", "num_embeddings", "embedding_dim"].filter((key) => key in (modules[String(layer.type)]?.sizes ?? {}));
    Object.assign(layer, { name: "a" }, Object.fromEntries(told.map((key) => [key, 3])));
  }
  if (k % 2) tree.architecture.init = "keras";
  if (k % 4) mutateTree(tree, k);
  return tree;
}

test(`${count} architectures without weights that lie`, () => attempts(count, (k) => readModel(encode(untrained(k).architecture), { name: "m.json", initSeed: k })));

const fixtures = new URL("../fixtures/pytorch/", import.meta.url), trained = ["anomaly-conv-ae", "anomaly-lstm-ae", "mnist-gru", "mobilenetv3-tiny"];
test.skipIf(!hasShared)(`${count} trained weights with damaged bytes or architecture (${hasShared ? "here" : absent})`, () => attempts(count, (k) => {
  const name = trained[k % trained.length]!, file = readdirSync(fixtures).find((f) => f.startsWith(`${name}.arch`))!;
  const tree = { architecture: JSON.parse(readFileSync(new URL(file, fixtures), "utf8")) as unknown };
  const bytes = sharedBytes(`models/trained/${name}/${k % 8 < 4 ? "model.safetensors" : "state_dict.pt"}`);
  if (k % 3 === 0) mutateTree(tree, k);
  return readModel(k % 3 ? mutate(k % 8 < 4 ? bytes.slice(0, 20000) : bytes, k) : bytes, { name: "m.pt", architecture: tree.architecture });
}));
