/**
 * `npm run bench`: Octavo alone. Kernels, models, conversion, cold start, memory and size, all in sequence or those that are
 * named; at the end what became worse than the committed figures. Latencies are kept as shares of a peak loop's rate.
 */
import { Command, Option } from "commander";
import { commit, regressions, type Part, type PartOptions } from "./figures.ts";
import { coldStart } from "./parts/cold-start.ts";
import { conversion } from "./parts/conversion.ts";
import { kernels } from "./parts/kernels.ts";
import { memory } from "./parts/memory.ts";
import { models } from "./parts/models.ts";
import { size } from "./parts/size.ts";

const parts: Record<string, Part> = { kernel: kernels, models, convert: conversion, cold: coldStart, memory, size };
const command = new Command("bench").description("measures Octavo and prints what regressed")
  .option("--kernel", "GMAC/s of every kernel, and share of a peak loop, in every build")
  .option("--models", "latency of the trained models in ../shared")
  .option("--convert", "time and memory of conversions up to 100 MB")
  .option("--cold", "first answer in a fresh process and in a fresh browser")
  .option("--memory", "linear memory of kws, and that runs allocate nothing")
  .option("--size", "bytes of what ships")
  .addOption(new Option("--build <NAME>", "kernels and models: one build").choices(["scalar", "simd", "relaxed"]))
  .option("--only <TEXT>", "kernels and models with this in their name", "")
  .addOption(new Option("--rounding <NAME>", "of int8 kernels").choices(["fast", "tflite"]).default("fast"))
  .option("--runs <N>", "runs that --memory counts", Number, 1_000_000)
  .option("--update", "commit the figures: write bench/results/figures.json").parse();
const options = command.opts<PartOptions & Record<string, unknown>>(), named = Object.keys(parts).filter((name) => options[name]);
const worse: string[] = [];
for (const name of named.length ? named : Object.keys(parts)) {
  const part = parts[name]!, figures = await part.measure(options);
  worse.push(...regressions(part, figures));
  if (options.update) commit(part.name, figures);
}
console.log(worse.length ? `\nWorse than the committed figures:\n${worse.join("\n")}` : "\nNothing is worse than the committed figures.");
process.exit(0);
