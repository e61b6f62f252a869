/** Cold start of kws, every engine against an empty page and an empty process. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { programOf } from "../../scripts/engines/tools.ts";
import { coldPages, coldProcesses, ourPages, ourProgram, type Cold, type ColdPage } from "../cold.ts";
import { contenders, type Entry } from "./contenders.ts";
import { packages } from "./packages.ts";
import { importMap } from "./run.ts";

/** Module and function that start an engine; the contender whose form it loads. */
const engines: Record<string, [file: string, start: string]> = {
  "LiteRT.js, int8": ["litert", "start"], "onnxruntime-web, uint8": ["onnxruntime", "startWeb"], "tfjs-tflite, int8": ["tflite-web", "start"],
  "TensorFlow.js wasm, float": ["tfjs", "start"], "onnxruntime native, uint8": ["onnxruntime", "startNative"],
};
export interface ColdRun { chromium: Record<string, Cold>; node: Record<string, { ms: number; medianMs: number }> }
export const OURS = "Octavo", EMPTY = "empty";

async function compiled(name: string, entry: Entry, platform: "browser" | "node", host: string, finish: string): Promise<string> {
  const [file, start] = engines[name]!, contender = contenders.find((c) => c.name === name);
  const contents = `import { ${start} } from "./engines/${file}.ts"; import { firstAnswer } from "./first-answer.ts"; ${host}
firstAnswer(${start}, ${JSON.stringify(contender)}, ${JSON.stringify(entry)}, host).then(() => { ${finish} });`;
  const { outputFiles } = await build({ stdin: { contents, resolveDir: import.meta.dirname, loader: "ts" }, bundle: true, minify: true, write: false, format: "esm", platform, target: "es2022" });
  return outputFiles[0]!.text;
}

const pageHost = `import { host } from "./page-host.ts"; import { watchMemory } from "../cold/memory.ts"; import { tell } from "../cold/tell.ts"; const bytes = watchMemory();`;

/** @param entry kws · @param files folder that files.ts wrote */
export async function coldStarts(entry: Entry, files: string, rounds: { pages: number; processes: number }): Promise<ColdRun> {
  const supported = (host: "chromium" | "node") => Object.keys(engines).filter((name) => contenders.find((c) => c.name === name)!.hosts.includes(host));
  const { empty, octavo } = await ourPages("kws.int8.octavo"), pages: Record<string, ColdPage> = { [EMPTY]: empty, [OURS]: octavo };
  for (const name of supported("chromium")) pages[name] = { harness: true, model: `${entry.name}.${contenders.find((c) => c.name === name)!.file}`, script: await compiled(name, entry, "browser", pageHost, "tell(bytes());") };
  const program = programOf("node26"), commands: Record<string, string[]> = { [EMPTY]: [program, "-e", "0"], [OURS]: [program, ourProgram(files, "kws.int8.octavo")] };
  for (const name of supported("node")) {
    const script = path.join(files, `cold-${Object.keys(commands).length}.mjs`);
    writeFileSync(script, await compiled(name, entry, "node", `import { hostOf } from "./node-host.ts"; const host = hostOf(${JSON.stringify(packages)}, ${JSON.stringify(files)});`, "process.exit(0);"));
    commands[name] = [program, script];
  }
  return { chromium: await coldPages(pages, { packages, files }, rounds.pages, importMap), node: coldProcesses(commands, rounds.processes) };
}
