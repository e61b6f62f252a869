/** Writes test/spine/abi.json: numbers and fields of every kernel as they are now. For a release; what is pinned stays. */
import { readFileSync, writeFileSync } from "node:fs";
import { kernelNames, kernelNumber, layouts, trainKernelNames } from "../converter/write/layout.ts";

const file = new URL("../test/spine/abi.json", import.meta.url), pinned = JSON.parse(readFileSync(file, "utf8")) as Record<string, { number: number; fields: string }>;
const names = [...kernelNames, ...trainKernelNames];
for (const name of names) {
  const now = { number: kernelNumber(name), fields: layouts[name].map((f) => f.join(":")).join(" ") }, before = pinned[name];
  if (before && (before.number !== now.number || before.fields !== now.fields)) throw new Error(`${name} is pinned as ${JSON.stringify(before)} and is now ${JSON.stringify(now)}: append a kernel instead`);
  pinned[name] = now;
}
writeFileSync(file, `${JSON.stringify(pinned, null, 2)}\n`);
console.log(`${names.length} kernels are pinned.`);
