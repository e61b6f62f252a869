// Browsers: every case in every build, posted back to the server that sent this page.
import { load, simd } from "octavo";
import { relaxed } from "octavo/relaxed";
import { scalar } from "octavo/scalar";
import { trainer } from "octavo/train";
import { DATA, datasetOf, trainedDigest } from "./training.mjs";

const read = async (file) => new Uint8Array(await (await fetch(file)).arrayBuffer());

async function main() {
  const { models, trainings } = await (await fetch("cases.json")).json(), results = {}, dataset = datasetOf(await read(DATA.x), await read(DATA.labels)), simdTrained = [];
  for (const build of [scalar, simd, relaxed]) {
    if (!build.supported()) continue;
    results[build.name] = [];
    for (const { file } of models) results[build.name].push((await load(file, { builds: [build] })).selfTest().digest);
  }
  for (const { file } of trainings) simdTrained.push(await trainedDigest(await load(file), trainer, dataset));
  return { results, trained: { simd: simdTrained }, version: navigator.userAgent };
}
main().catch((error) => ({ error: String(error.stack) })).then((body) => fetch("results", { method: "POST", body: JSON.stringify(body) }));
