// Browsers: every case in every build, posted back to the server that sent this page.
import { load, simd } from "octavo";
import { relaxed } from "octavo/relaxed";
import { scalar } from "octavo/scalar";

async function main() {
  const cases = await (await fetch("cases.json")).json(), results = {};
  for (const build of [scalar, simd, relaxed]) {
    if (!build.supported()) continue;
    results[build.name] = [];
    for (const { file } of cases) results[build.name].push((await load(file, { builds: [build] })).selfTest().digest);
  }
  return { results, version: navigator.userAgent };
}
main().catch((error) => ({ error: String(error.stack) })).then((body) => fetch("results", { method: "POST", body: JSON.stringify(body) }));
