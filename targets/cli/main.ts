/** Finds the command named on the line, loads that one alone, and turns failures into exit codes. */
import { Command, CommanderError } from "commander";
import { explain } from "./failure.ts";

/** A command file: `define` adds its arguments, options and action. */
interface CommandFile { define(command: Command): void }

const commands: Record<string, { summary: string; load: () => Promise<CommandFile> }> = {
  convert: { summary: "turn a trained model into an .octavo file", load: () => import("./convert.ts") },
  run: { summary: "run a model on arrays", load: () => import("./run.ts") },
  eval: { summary: "measure a model against labels", load: () => import("./eval.ts") },
  compare: { summary: "error of every layer against the source model", load: () => import("./compare.ts") },
  inspect: { summary: "inputs, outputs, layers and sizes of a model", load: () => import("./inspect.ts") },
  bench: { summary: "latency, throughput and memory", load: () => import("./bench.ts") },
  train: { summary: "fine-tune a model made by convert --trainable", load: () => import("./train.ts") },
  bundle: { summary: "one WebAssembly module for one model", load: () => import("./bundle.ts") },
  demo: { summary: "convert and run the models that ship with octavo", load: () => import("./demo.ts") },
};

async function execute(words: readonly string[]): Promise<number> {
  const program = new Command("octavo").description("Trained models to small int8 files, run by SIMD WebAssembly.");
  program.exitOverride().showHelpAfterError("Run octavo --help, or octavo COMMAND --help.");
  program.option("-V, --version", "print the version");
  for (const [name, { summary }] of Object.entries(commands)) program.command(name).summary(summary).description(summary);
  const named = words.find((word) => !word.startsWith("-"));
  const asked = named === "help" ? words[words.indexOf("help") + 1] : named;
  if (asked && Object.hasOwn(commands, asked)) (await commands[asked]!.load()).define(program.commands.find((c) => c.name() === asked)!);
  if (words[0] === "-V" || words[0] === "--version") {
    console.log(await (await import("./package.ts")).version());
    return 0;
  }
  await program.parseAsync(words, { from: "user" });
  return 0;
}

/** 2 for wrong usage, 0 for help, 1 for everything else. */
function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  process.stderr.write(`${explain(error)}\n`);
  return 1;
}

/** @returns the exit code: 0 done, 1 the input or the model is at fault, 2 wrong usage */
export const main = (words: readonly string[]): Promise<number> => execute(words).catch(exitCode);
