/**
 * `npm run bench:peers`: Octavo and other engines side by side, in one Chromium and in one Node. The peers are installed
 * to a folder of the temporary files; model files come from ../shared or a folder of one's own.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Command, Option } from "commander";
import { installPackages, root } from "../scripts/engines/tools.ts";
import { coldStarts } from "./peers/cold.ts";
import { makeFiles, namesIn } from "./peers/files.ts";
import { installPeers, versionOf } from "./peers/packages.ts";
import { inChromium, inNode, WITHOUT_VNNI, type Run } from "./peers/run.ts";
import { machine } from "./report/machine.ts";
import { writePage } from "./report/page.ts";
import { keep, read, type PeerResults } from "./results.ts";
import { modelsFolder } from "./trained.ts";

interface Settings { models: string; part?: "chromium" | "plain" | "node" | "cold"; only?: string[]; rounds: number; window: number; dry?: boolean }

const list = (text: string) => text.split(",");
const { models, part, only, rounds, window, dry } = new Command("bench:peers").description("runs all engines side by side and writes docs/benchmarks.md")
  .option("--models <FOLDER>", "NAME_int8.tflite, and beside them NAME_fp32.tflite, NAME_int8_u8.onnx, NAME_int8_s8.onnx, NAME_int8_dyn.onnx, NAME_fp32.onnx", modelsFolder)
  .addOption(new Option("--part <NAME>", "one part only; the rest of the page stays as it was").choices(["chromium", "plain", "node", "cold"]))
  .option("--only <NAME,...>", "some models: printed, not kept", list)
  .option("--rounds <N>", "windows of each engine and model", Number, 40)
  .option("--window <MS>", "length of a window", Number, 3)
  .option("--dry", "print, write nothing").parse().opts<Settings>();

if (!existsSync(models)) {
  console.error(`There are no models at ${models}: --models or OCTAVO_SHARED says where they are.`);
  process.exit(1);
}
const files = mkdtempSync(path.join(os.tmpdir(), "octavo-bench-")), names = only ?? namesIn(models), options = { rounds, windowMs: window, warmUpMs: 200 };
if (!existsSync(path.join(root, "dist/targets/relaxed.js"))) throw new Error("The package is not built: npm run build");
await installPackages();
installPeers();
const entries = await makeFiles(models, files, names), peers = ["@litertjs/core", "@tensorflow/tfjs-tflite", "@tensorflow/tfjs", "onnxruntime-web", "onnxruntime-node"];
const result: PeerResults = { machine: machine(), versions: Object.fromEntries(peers.map((name) => [name, versionOf(name)])), models: entries.map(({ name, kind, macs, bytes }) => ({ name, kind, macs, bytes })) };
if (!part || part === "chromium") result.chromium = await inChromium(files, names, options);
if (!part || part === "plain") result.plain = await inChromium(files, names, options, WITHOUT_VNNI);
if (!part || part === "node") result.node = await inNode(files, names, options);
if ((!part || part === "cold") && names.includes("kws")) result.cold = await coldStarts(entries.find((e) => e.name === "kws")!, files, { pages: 16, processes: 20 });
rmSync(files, { recursive: true, force: true });
for (const run of [result.chromium, result.plain, result.node]) if (run) print(run);
if (result.cold) console.log(JSON.stringify(result.cold, null, 1));
if (!dry && !only) {
  keep("peers", { ...read("peers"), ...result });
  writePage();
}

function print({ version, timings }: Run): void {
  console.log(`\n${version}`);
  for (const [model, rows] of Object.entries(timings)) for (const [name, t] of Object.entries(rows)) {
    const found = "error" in t ? t.error : `${t.ms.toFixed(4)} ms, median ${t.medianMs.toFixed(4)}, differs from float by ${(100 * t.deviation).toFixed(1)} %`;
    console.log(model.padEnd(11), name.padEnd(32), found);
  }
}
