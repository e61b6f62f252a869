/** The peers' packages, in a folder of the temporary files that is kept between runs: nothing of them enters this project. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const folder = path.join(tmpdir(), "octavo-peers");
export const packages = path.join(folder, "node_modules");
const wanted = ["@litertjs/core", "@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm", "@tensorflow/tfjs-tflite", "onnxruntime-node", "onnxruntime-web"];

/** Without install scripts (one fetches GPU libraries), and without the peers of tfjs-tflite, which contradict each other. */
export function installPeers(): void {
  const missing = wanted.filter((name) => !existsSync(path.join(packages, name)));
  if (!missing.length) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), `{ "private": true }\n`);
  execFileSync("npm", ["install", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel=error", ...wanted], { cwd: folder, stdio: "inherit" });
}

export const versionOf = (name: string): string => (JSON.parse(readFileSync(path.join(packages, name, "package.json"), "utf8")) as { version: string }).version;
