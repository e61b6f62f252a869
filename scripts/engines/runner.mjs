// Node, Deno, Bun: every case in every build that the engine has, as JSON on standard output. Arguments: the folder of the built targets for Node, the folder of the cases.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { DATA, datasetOf, trainedDigest } from "./training.mjs";

const [targets, folder] = process.argv.slice(2), from = (file) => import(pathToFileURL(`${targets}/${file}`).href), read = (file) => new Uint8Array(readFileSync(`${folder}/${file}`));
const { load, relaxed, scalar, simd } = await from("index.js"), { trainer } = await from("train.js"), { trainScalar, trainSimd } = await from("train-builds.js");
const { models, trainings } = JSON.parse(readFileSync(`${folder}/cases.json`, "utf8")), results = {}, trained = {}, dataset = datasetOf(read(DATA.x), read(DATA.labels));
for (const build of [scalar, simd, relaxed]) {
  if (!build.supported()) continue;
  results[build.name] = [];
  for (const { file } of models) results[build.name].push((await load(read(file), { builds: [build] })).selfTest().digest);
}
for (const build of [trainScalar, trainSimd]) {
  if (!build.supported()) continue;
  trained[build.name] = [];
  for (const { file } of trainings) trained[build.name].push(await trainedDigest(await load(read(file)), (model) => trainer(model, { builds: [build] }), dataset));
}
console.log(JSON.stringify({ results, trained }));
