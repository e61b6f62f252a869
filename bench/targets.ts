/** `npm run bench:targets`: latency and cold start of the same model files on every target of this machine. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Command } from "commander";
import { Absent, installPackages, root } from "../scripts/engines/tools.ts";
import { convert } from "../targets/converter.ts";
import { machine } from "./report/machine.ts";
import { writePage } from "./report/page.ts";
import { keep, read, type TargetResult, type TargetResults } from "./results.ts";
import { targets, type Cases } from "./targets/list.ts";
import { measureWorker } from "./targets/worker-example.ts";
import { modelsFolder } from "./trained.ts";

interface Settings { only: string; rounds: number; dry?: boolean; latency?: boolean; cold?: boolean; worker?: boolean }
const { only, rounds, dry, ...wanted } = new Command("bench:targets").description("measures every target and writes docs/benchmarks.md")
  .option("--latency", "only this").option("--cold", "only this").option("--worker", "only the example Worker")
  .option("--only <TEXT>", "targets with this in their name", "").option("--rounds <N>", "of latency", Number, 2).option("--dry", "print, write nothing").parse().opts<Settings>();
const all = !wanted.latency && !wanted.cold && !wanted.worker;

/** kws, resnet8 and an LSTM where they are at hand, else the examples of the package. */
async function makeCases(folder: string): Promise<Cases> {
  const trained = ["kws", "resnet8", "mnistlstm"].map((name) => [name, path.join(modelsFolder, `${name}_int8.tflite`)] as const).filter(([, file]) => existsSync(file));
  const examples = ["digits-cnn.h5", "digits-lstm.onnx"].map((file) => [file.split(".")[0]!, path.join(root, "examples/models", file)] as const), sizes: Record<string, number> = {};
  for (const [name, file] of trained.length ? trained : examples) {
    const { model, report } = await convert(new Uint8Array(readFileSync(file)), { name: path.basename(file), ...(!trained.length && { precision: "float32" as const }) });
    writeFileSync(path.join(folder, `${name}.octavo`), model);
    sizes[name] = report.inputs[0]!.shape.reduce((n, d) => n * d, 1);
  }
  return { folder, sizes };
}

/** The least of each figure. */
function merge(into: TargetResult, latencies: Record<string, Record<string, number>>): void {
  for (const [build, models] of Object.entries(latencies)) for (const [model, ms] of Object.entries(models)) {
    const found = (into.latencies[build] ??= {});
    found[model] = Math.min(found[model] ?? Infinity, ms);
  }
}

const folder = mkdtempSync(path.join(os.tmpdir(), "octavo-targets-")), cases = await makeCases(folder), models = Object.keys(cases.sizes), old = read("targets");
const results: TargetResults = { machine: machine(), models, targets: { ...old?.targets }, skipped: { ...old?.skipped }, ...(old?.worker && { worker: old.worker }) };
await installPackages().catch((error: Error) => console.error(`npm: ${error.message.split("\n")[0]}`));

async function attempt(name: string, what: () => Promise<void>): Promise<void> {
  try {
    await what();
    delete results.skipped[name];
  } catch (error) {
    results.skipped[name] = (error as Error).message.split("\n")[0]!;
    if (!(error instanceof Absent)) console.error(error);
  }
}

const used = targets.filter((t) => t.name.includes(only)), fresh: Record<string, TargetResult> = {};
for (let round = 0; (all || wanted.latency) && round < rounds; round++) for (const target of used) await attempt(target.name, async () => {
  const { version, latencies } = await target.latency(cases);
  merge((fresh[target.name] ??= { version, latencies: {} }), latencies);
});
for (const [name, result] of Object.entries(fresh)) results.targets[name] = { ...results.targets[name], ...result };
if (all || wanted.cold) for (const target of used) await attempt(target.name, async () => {
  results.targets[target.name] = { ...(results.targets[target.name] ?? { version: "", latencies: {} }), cold: await target.cold(cases, models[0]!) };
});
if (all || wanted.worker) results.worker = await measureWorker();
rmSync(folder, { recursive: true, force: true });
console.log(JSON.stringify(results, null, 1));
if (!dry) {
  keep("targets", results);
  writePage();
}
process.exit(0);
