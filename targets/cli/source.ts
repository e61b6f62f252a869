/** Options that say how a source model is to be read: the same for convert, eval, compare and inspect. */
import { realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, normalize, relative, sep } from "node:path";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { ConvertOptions } from "../../converter/convert.ts";
import type { TypedArray } from "../../converter/ir/graph.ts";
import { OctavoError } from "../../sdk/errors.ts";
import { readBytes, readJson } from "./files.ts";
import { readNpy } from "./npy.ts";

export interface SourceOptions {
  inputShape?: Record<string, number[]>;
  constant?: Record<string, string>;
  cut?: string[];
  layout?: "nhwc" | "nchw";
  stateful?: boolean;
  state?: Record<string, string>;
  architecture?: string;
  initSeed?: number;
}

/** Adds those options to a command. */
export const withSource = (command: Command): Command => command
  .option("--input-shape <NAME=SHAPE>", "sizes of free axes, as in x=1,28,28,1 (may be repeated)", shapeOf)
  .option("--constant <NAME=VALUE>", "fix an input to a number, to numbers separated by commas, or to a .npy file (may be repeated)", valueOf)
  .option("--cut <NAMES>", "end the model at these tensors or layers, separated by commas, in place of its outputs", (text: string) => text.split(",").filter(Boolean))
  .addOption(new Option("--layout <ORDER>", "order of image axes of inputs and outputs (default: the source's)").choices(["nhwc", "nchw"]))
  .option("--stateful", "one time step per run; the states stay inside")
  .option("--state <IN=OUT>", "output OUT is input IN of the next run (may be repeated)", pairOf)
  .option("--architecture <FILE>", "JSON that names the layers of .pt and .safetensors weights")
  .option("--init-seed <N>", "for such JSON as the model itself: its parameters are drawn from this seed", seedOf);

function split(text: string, what: string): [string, string] {
  const at = text.lastIndexOf("=");
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError(`Expected ${what}.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function shapeOf(text: string, before: Record<string, number[]> = {}): Record<string, number[]> {
  const [name, shape] = split(text, "NAME=1,28,28,1");
  const sizes = shape.split(/[,x]/).map(Number);
  if (sizes.some((d) => !Number.isInteger(d) || d === 0 || d < -1)) throw new InvalidArgumentError(`"${shape}" is no shape, expected positive sizes as in 1,28,28,1.`);
  return { ...before, [name]: sizes };
}

function valueOf(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [name, value] = split(text, "NAME=VALUE, as in sr=16000");
  return { ...before, [name]: value };
}

/** Numbers as a vector, or an array of a file. */
async function constantOf(text: string): Promise<{ data: TypedArray; shape: number[] }> {
  const data = Float64Array.from(text.split(","), (t) => (t.trim() ? Number(t) : NaN));
  if (data.every(Number.isFinite)) return { data, shape: [data.length] };
  const { data: read, shape } = readNpy(await readBytes(text), basename(text));
  return { data: read instanceof Uint32Array ? Float64Array.from(read) : read, shape };
}

async function constantsOf(given: Record<string, string>): Promise<Record<string, { data: TypedArray; shape: number[] }>> {
  return Object.fromEntries(await Promise.all(Object.entries(given).map(async ([name, text]) => [name, await constantOf(text)] as const)));
}

function seedOf(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || n >= 2 ** 32) throw new InvalidArgumentError(`Expected a whole number from 0 to ${2 ** 32 - 1}.`);
  return n;
}

function pairOf(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [input, output] = split(text, "IN=OUT");
  return { ...before, [input]: output };
}

/** What `convert` takes of them; side files are looked for beside the model and nowhere else. */
export async function convertOptions(path: string, options: SourceOptions): Promise<ConvertOptions> {
  return {
    name: basename(path),
    resolve: async (side) => readBytes(await besides(path, side)),
    ...(options.inputShape && { inputShapes: options.inputShape }),
    ...(options.constant && { constants: await constantsOf(options.constant) }),
    ...(options.cut && { cut: options.cut }),
    ...(options.layout && { layout: options.layout }),
    ...(options.stateful && { stateful: true }),
    ...(options.state && { states: options.state }),
    ...(options.architecture && { architecture: await readJson(options.architecture) }),
    ...(options.initSeed !== undefined && { initSeed: options.initSeed }),
  };
}

/** A link may point anywhere: where it really leads must lie inside as well. */
async function besides(path: string, side: string): Promise<string> {
  const inside = normalize(side), outside = (): never => {
    throw new OctavoError("ERR_OCTAVO_SOURCE", `model: side file "${side}" lies outside the model's folder, which is not read. Put it beside the model.`);
  };
  if (isAbsolute(inside) || inside.split(/[\\/]/)[0] === "..") outside();
  const folder = dirname(path), file = join(folder, inside), real = await realpath(file).catch(() => undefined);
  const from = real === undefined ? "" : relative(await realpath(folder), real);
  if (isAbsolute(from) || from.split(sep)[0] === "..") outside();
  return file;
}
