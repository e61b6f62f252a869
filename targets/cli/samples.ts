/** Arrays on disk → samples for the inputs of a model, and back. The first axis of every array counts samples. */
import { OctavoError, type ErrorCode } from "../../sdk/errors.ts";
import { readBytes } from "./files.ts";
import { isMedia, readMedia, type Preprocess } from "./media.ts";
import { readNpy, readNpz, writeNpy, writeNpz, type Elements, type NpyArray } from "./npy.ts";
import { shapeText } from "./terminal.ts";

/** An input or output of a model; `shape` is that of one run. */
export interface Port { name: string; shape: readonly number[]; dtype: string; layout?: string }

export interface Samples {
  count: number;
  /** Per input of the model, in its order. */
  arrays: NpyArray[];
  /** Values of sample `i` for input `k`: a view. */
  at(k: number, i: number): Elements;
  /** The arrays had the model's own shape, with no axis of samples. */
  single: boolean;
}

const refuse = (problem: string, code: ErrorCode = "ERR_OCTAVO_SHAPE"): never => { throw new OctavoError(code, `octavo: ${problem}`); };
const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/**
 * @param specs `X.npy`, `X.npz` (arrays named as the inputs) or `NAME=X.npy`; pictures and sound, each of which is a sample
 * @param option for messages: `--input`
 * @param preprocess how pictures and sound become inputs
 */
export async function readSamples(specs: readonly string[], ports: readonly Port[], option: string, preprocess?: Preprocess): Promise<Samples> {
  const found = new Map<string, { array: NpyArray; file: string }>();
  for (const [name, files] of mediaOf(specs, ports, option)) found.set(name, { array: await joined(files, ports.find((p) => p.name === name)!, preprocess), file: files[0]! });
  for (const spec of specs.filter((s) => !isMedia(s))) for (const [name, array, file] of await readSpec(spec, ports, option)) found.set(name, { array, file });
  const missing = ports.filter((p) => !found.has(p.name));
  if (missing.length) refuse(`${option}: no data for input ${names(missing)}. Give ${missing.map((p) => `${option} ${p.name}=FILE.npy`).join(" ")}`);
  const fits = ports.map((p) => fit(found.get(p.name)!, p));
  const counts = fits.map((f) => f.count), count = Math.max(...counts);
  if (counts.some((c) => c !== count)) refuse(`${option}: the inputs have ${counts.join(" and ")} samples, expected the same number`);
  const arrays = ports.map((p) => found.get(p.name)!.array), sizes = ports.map((p) => sizeOf(p.shape));
  return { count, arrays, single: fits.every((f) => f.single), at: (k, i) => arrays[k]!.data.subarray(i * sizes[k]!, (i + 1) * sizes[k]!) };
}

const names = (ports: readonly Port[]) => ports.map((p) => `"${p.name}" ${shapeText(p.shape)}`).join(", ");

/** Files of pictures and sound by the input that they are for. */
function mediaOf(specs: readonly string[], ports: readonly Port[], option: string): Map<string, string[]> {
  const files = new Map<string, string[]>();
  for (const spec of specs.filter(isMedia)) {
    const named = ports.find((p) => spec.startsWith(`${p.name}=`)), port = named ?? (ports.length === 1 ? ports[0]! : refuse(`${option}: the model has ${ports.length} inputs: ${names(ports)}. Say which: ${option} ${ports[0]!.name}=${spec}`));
    files.set(port.name, [...(files.get(port.name) ?? []), named ? spec.slice(named.name.length + 1) : spec]);
  }
  return files;
}

async function joined(files: readonly string[], port: Port, preprocess: Preprocess | undefined): Promise<NpyArray> {
  const size = sizeOf(port.shape), data = new Float32Array(size * files.length);
  for (const [i, file] of files.entries()) data.set(await readMedia(file, port, preprocess), i * size);
  const real = port.dtype === "float32" ? data : data.map(Math.round);
  return { dtype: "float32", shape: files.length === 1 ? [...port.shape] : [files.length, ...port.shape], data: real };
}

async function readSpec(spec: string, ports: readonly Port[], option: string): Promise<[name: string, array: NpyArray, file: string][]> {
  const named = ports.find((p) => spec.startsWith(`${p.name}=`));
  const file = named ? spec.slice(named.name.length + 1) : spec;
  const unknown = !named && /^([^/\\=]+)=(.+\.np[yz])$/i.exec(spec);
  if (unknown) refuse(`${option}: the model has no input "${unknown[1]}". Its inputs are ${names(ports)}.`);
  const arrays = await readArrays(file), entries = Object.entries(arrays);
  if (named) return [[named.name, only(entries, file), file]];
  if (ports.length === 1 && entries.length === 1) return [[ports[0]!.name, entries[0]![1], file]];
  if (entries.length === 1 && !/\.npz$/i.test(file)) refuse(`${option}: the model has ${ports.length} inputs: ${names(ports)}. Say which: ${option} ${ports[0]!.name}=${file}`);
  const stranger = entries.find(([name]) => !ports.some((p) => p.name === name));
  if (stranger) refuse(`${option}: "${file}" holds "${stranger[0]}", which is no input of the model. Its inputs are ${names(ports)}.`);
  return entries.map(([name, array]) => [name, array, file]);
}

const only = (entries: [string, NpyArray][], file: string): NpyArray =>
  entries.length === 1 ? entries[0]![1] : refuse(`file "${file}" holds ${entries.length} arrays, expected one.`);

/** The one array of a .npy, or those of an .npz, by name. */
export async function readArrays(file: string): Promise<Record<string, NpyArray>> {
  const bytes = await readBytes(file);
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) return readNpz(bytes, file);
  return { x: readNpy(bytes, file) };
}

/** The single array of a file. */
export async function readArray(file: string): Promise<NpyArray> {
  return only(Object.entries(await readArrays(file)), file);
}

/** Samples stand along the model's own first axis where that is 1 (or divides), else along one more axis in front. */
function fit({ array, file }: { array: NpyArray; file: string }, port: Port): { count: number; single: boolean } {
  const { shape } = array, [batch = 1, ...rest] = port.shape;
  const ends = (tail: readonly number[]) => shapeText(shape.slice(1)) === shapeText(tail) && shape.length > 0;
  if (shapeText(shape) === shapeText(port.shape)) return { count: 1, single: true };
  const stacked = ends(port.shape), joined = port.shape.length > 0 && ends(rest) && (rest.length > 0 || batch === 1) && shape[0]! % batch === 0;
  if (!stacked && !joined) refuse(`file "${file}": shape ${shapeText(shape)} does not fit input "${port.name}", expected ${shapeText(batch === 1 && rest.length ? ["N", ...rest] as never : ["N", ...port.shape] as never)}.`);
  const count = stacked ? shape[0]! : shape[0]! / batch;
  return count > 0 ? { count, single: false } : refuse(`file "${file}": shape ${shapeText(shape)} holds no sample.`);
}

/** What the model said for every sample, joined along the first axis. */
export function joinOutputs(outputs: readonly Elements[], port: Port, single: boolean, dtype: NpyArray["dtype"]): NpyArray {
  const size = sizeOf(port.shape), data = new (outputs[0]!.constructor as new (n: number) => Elements)(size * outputs.length);
  outputs.forEach((y, i) => data.set(y, i * size));
  const [batch, ...rest] = port.shape;
  if (single) return { dtype, shape: [...port.shape], data };
  return { dtype, shape: batch === 1 ? [outputs.length, ...rest] : [outputs.length, ...port.shape], data };
}

/** One array as .npy; by name as .npz. */
export async function encodeArrays(arrays: Record<string, NpyArray>, path: string): Promise<Uint8Array> {
  const all = Object.entries(arrays);
  if (/\.npz$/i.test(path)) return writeNpz(arrays);
  return all.length === 1 ? writeNpy(all[0]![1]) : refuse(`--output "${path}": the model has ${all.length} outputs. Name a .npz file.`, "ERR_OCTAVO_SOURCE");
}
