/** `npm run engines`: the same model files in every engine of this machine; one table, also in docs/targets.md and README.md. `npm run engines -- Node ARM`: only those, printed. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium, firefox, webkit } from "./engines/browsers.ts";
import { makeCases } from "./engines/cases.ts";
import { bun, deno, node, nodeArm, nodeWasi, wasmi, wasmtime, workerd } from "./engines/hosts.ts";
import { TRAINING } from "./engines/training.mjs";
import { Absent, insertBetween, installPackages, type Answer } from "./engines/tools.ts";

const engines: [string, (folder: string) => Promise<Answer>][] = [
  ["Node", node(20)], ["Node", node(22)], ["Node", node(24)], ["Node", node(26)], ["Chromium", chromium], ["Firefox ESR", firefox], ["WebKitGTK", webkit], ["workerd", workerd],
  ["Bun (JavaScriptCore)", bun], ["Deno", deno], ["node:wasi", nodeWasi], ["Node on ARM64 (qemu)", nodeArm], ["wasmtime", wasmtime], ["wasmi (interpreter)", wasmi],
];
const skipped: string[] = [], rows: string[][] = [];
const summary = (digests: readonly string[]) => createHash("sha256").update(digests.join("\n")).digest("hex").slice(0, 16);

const rightOf = (digests: readonly string[] | undefined, golden: readonly string[]) => (digests ? `${digests.filter((d, i) => d === golden[i]).length} of ${golden.length}` : "–");

async function report(name: string, engine: (folder: string) => Promise<Answer>, folder: string): Promise<void> {
  try {
    const { version, results, trained } = await engine(folder);
    for (const [build, digests] of Object.entries(results)) rows.push([name, version, build, summary(digests), rightOf(digests, golden), rightOf(trained[build], goldenTrained)]);
  } catch (error) {
    if (error instanceof Absent) skipped.push(`${name}: ${error.message}`);
    else {
      console.error(`${name}: ${(error as Error).message}`);
      rows.push([name, "?", "?", "–", "failed", "–"]);
    }
  }
}

function table(heads: readonly string[], lines: readonly (readonly string[])[]): string {
  return [heads, heads.map(() => "---"), ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n");
}

/** One row per engine and result: builds and versions in lists. */
function joined(all: readonly (readonly string[])[]): string[][] {
  const groups = new Map<string, string[][]>(), unique = (of: readonly string[][], i: number) => [...new Set(of.map((r) => r[i]!))].filter((v, _, all) => v !== "–" || all.length === 1).join(", ");
  for (const row of all) groups.set([row[0], row[3], row[4]].join(), [...(groups.get([row[0], row[3], row[4]].join()) ?? []), [...row]]);
  return [...groups.values()].map((group) => group[0]!.map((_, i) => unique(group, i)));
}

const folder = mkdtempSync(path.join(tmpdir(), "octavo-cases-"));
const { cases, refused } = await makeCases(folder), golden = cases.models.map((c) => c.digest), goldenTrained = cases.trainings.map((c) => c.digest);
await installPackages().catch((error: Error) => console.error(`npm: ${error.message.split("\n")[0]}`));
const wanted = process.argv.slice(2);
for (const [name, engine] of engines.filter(([name]) => !wanted.length || wanted.some((w) => name.includes(w)))) {
  await report(name, engine, folder);
  console.error(`${name} done`);
}
rmSync(folder, { recursive: true, force: true });
const heads = ["engine", "version", "build", "digest", "same bytes", "trained"], kernels = golden.length - cases.trained;
const intro = `${golden.length} model files, each run once on made input (\`selfTest\`): ${cases.trained} trained models, and ${kernels} small ones that together run every kernel. The scalar build of Node gives the digest ${summary(golden)}.
Trained: a CNN and an LSTM, int8, all layers, ${TRAINING.epochs} epochs (more than 100 steps); the saved files are compared.\n`;
const notes = ["", ...(skipped.length ? [`Skipped on this machine: ${skipped.join("; ")}.`] : []), "Not tested: Safari and iOS, Android, ARM processors (qemu runs their instructions), the networks of Cloudflare and Vercel."];
const text = [intro, table(heads, rows), ...notes].join("\n");
console.log(text);
for (const line of refused) console.error(`no case: ${line}`);
if (!wanted.length) {
  insertBetween("docs/targets.md", "engines", text);
  insertBetween("README.md", "engines", [intro, table(heads, joined(rows)), ...notes].join("\n"));
}
const failed = (found: string, of: number) => found !== "–" && found !== `${of} of ${of}`;
process.exitCode = rows.some((r) => failed(r[4]!, golden.length) || failed(r[5]!, goldenTrained.length)) ? 1 : 0;
