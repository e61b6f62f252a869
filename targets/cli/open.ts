/** A file named on the command line → a model that runs. */
import type { Model } from "../../sdk/model.ts";
import { OctavoError } from "../../sdk/errors.ts";
import { readBytes } from "./files.ts";
import { convertOptions, type SourceOptions } from "./source.ts";

export const buildNames = ["scalar", "simd", "relaxed"] as const;
export type BuildName = (typeof buildNames)[number];

export interface OpenOptions extends SourceOptions { build?: BuildName }

export interface Opened {
  model: Model;
  /** The model file: of the disk, or made in memory. */
  bytes: Uint8Array;
  /** Converted here, in float32, from a source model. */
  converted: boolean;
  /** Reading and loading the model file; without the conversion. */
  loadMs: number;
}

export const isModelFile = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes.subarray(0, 4)) === "OCTV";

/** Opens a model file, or converts a source model in memory so that its float answers come from the same kernels. */
export async function openModel(path: string, options: OpenOptions): Promise<Opened> {
  await import("../node/index.ts");
  const start = performance.now(), read = await readBytes(path), converted = !isModelFile(read) && !/\.octavo$/i.test(path);
  const bytes = converted ? await toFloat(read, path, options) : read;
  const from = converted ? performance.now() : start;
  const model = await loadBuild(bytes, options.build);
  return { model, bytes, converted, loadMs: performance.now() - from };
}

async function toFloat(bytes: Uint8Array, path: string, options: SourceOptions): Promise<Uint8Array> {
  const { convert } = await import("../../converter/convert.ts");
  return (await convert(bytes, { ...(await convertOptions(path, options)), precision: "float32" })).model;
}

/** Loads with one build, or with the best that this Node runs. */
export async function loadBuild(bytes: Uint8Array, name?: BuildName): Promise<Model> {
  const node = await import("../node/index.ts");
  if (!name) return node.load(bytes);
  const build = node[name];
  if (!build.supported()) throw new OctavoError("ERR_OCTAVO_HOST", `octavo: Node ${process.versions.node} does not run the ${name} build. Use Node 22 or later, or --build simd.`);
  return node.load(bytes, { builds: [build] });
}
