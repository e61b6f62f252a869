// Node, Deno, Bun: every case in every build that the engine has, as JSON on standard output. Arguments: the SDK, the folder.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [sdk, folder] = process.argv.slice(2), { load, relaxed, scalar, simd } = await import(pathToFileURL(sdk).href);
const cases = JSON.parse(readFileSync(`${folder}/cases.json`, "utf8")), results = {};
for (const build of [scalar, simd, relaxed]) {
  if (!build.supported()) continue;
  results[build.name] = [];
  for (const { file } of cases) results[build.name].push((await load(new Uint8Array(readFileSync(`${folder}/${file}`)), { builds: [build] })).selfTest().digest);
}
console.log(JSON.stringify(results));
