/** Pictures and sound on disk → one sample for an input, as the model's metadata say. */
import { OctavoError } from "../../sdk/errors.ts";
import { prepareImage, type Picture } from "../../sdk/prepare/image.ts";
import { prepareSound } from "../../sdk/prepare/audio.ts";
import { readWav } from "../../sdk/prepare/wav.ts";
import { readBytes } from "./files.ts";
import type { Port } from "./samples.ts";

export type Preprocess = Record<string, unknown>;

const extension = (file: string): string => /\.(png|jpe?g|wav)$/i.exec(file)?.[1]?.toLowerCase() ?? "";
export const isMedia = (file: string): boolean => extension(file) !== "";

/** Pictures of more pixels are refused before they are decoded. */
const MOST_PIXELS = 2 ** 26;

/**
 * @param preprocess of the model file, or of `--preprocess`
 * @throws OctavoError ERR_OCTAVO_FORMAT for the file or the preparation, ERR_OCTAVO_SHAPE where they do not fit the input
 */
export async function readMedia(file: string, port: Port & { layout?: string }, preprocess: Preprocess | undefined): Promise<Float32Array> {
  const sound = extension(file) === "wav", kind = sound ? "audio" : "image", input = { name: port.name, shape: port.shape, layout: port.layout ?? "" };
  if (preprocess?.kind !== kind) {
    const found = preprocess ? `is of kind ${JSON.stringify(preprocess.kind) ?? "none"}` : "is missing from the model";
    throw new OctavoError("ERR_OCTAVO_SOURCE", `octavo: file "${file}": the preparation of its data ${found}, expected kind "${kind}". Convert the model with --preprocess FILE (docs/preprocess.md), or prepare the data yourself and save them with numpy.save.`);
  }
  const bytes = await readBytes(file);
  if (sound) return prepareSound(readWav(bytes), input, preprocess);
  return prepareImage(await decoded(bytes, file), input, preprocess);
}

/** What `--preprocess` says about pictures or sound must fit the first input; other kinds are the application's own. */
export function checkPreprocess(preprocess: Preprocess | undefined, [first]: readonly { name: string; shape: readonly number[]; layout: string }[]): void {
  if (!first) return;
  if (preprocess?.kind === "image") prepareImage({ width: 1, height: 1, data: [0] }, first, preprocess);
  if (preprocess?.kind === "audio") prepareSound({ samples: new Float32Array(1), sampleRate: Number(preprocess.sampleRate) }, first, preprocess);
}

async function decoded(bytes: Uint8Array, file: string): Promise<Picture> {
  try {
    return bytes[0] === 0x89 ? await readPng(bytes) : await readJpeg(bytes);
  } catch (e) {
    if (e instanceof OctavoError) throw e;
    throw new OctavoError("ERR_OCTAVO_FORMAT", `picture: file "${file}": ${(e as Error).message}. Save it again as PNG or JPEG.`);
  }
}

function checkPixels(width: number, height: number): void {
  if (!(width >= 1 && height >= 1 && width * height <= MOST_PIXELS)) throw new Error(`it has ${width} × ${height} pixels, expected 1 to ${MOST_PIXELS}`);
}

async function readPng(bytes: Uint8Array): Promise<Picture> {
  const { convertIndexedToRgb, decode } = await import("fast-png"), header = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 33) throw new Error(`it has ${bytes.length} bytes`);
  checkPixels(header.getUint32(16), header.getUint32(20));
  const png = decode(bytes), { width, height, depth } = png;
  if (png.palette) return { width, height, data: convertIndexedToRgb(png) };
  const step = 255 / (2 ** depth - 1), data = depth < 8 ? unpacked(png.data as Uint8Array, width, height, depth) : png.data;
  return { width, height, data: depth === 8 ? data : Float32Array.from(data, (v) => v * step) };
}

/** Grey values of 1, 2 or 4 bits, the first in the highest; every row begins with a byte. */
function unpacked(rows: Uint8Array, width: number, height: number, depth: number): Uint8Array {
  const stride = Math.ceil((width * depth) / 8), mask = 2 ** depth - 1;
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const bit = (i % width) * depth;
    return (rows[Math.floor(i / width) * stride + (bit >> 3)]! >> (8 - depth - (bit & 7))) & mask;
  });
}

async function readJpeg(bytes: Uint8Array): Promise<Picture> {
  const { decode } = (await import("jpeg-js")).default;
  const { width, height, data } = decode(bytes, { useTArray: true, formatAsRGBA: false, maxResolutionInMP: MOST_PIXELS / 1e6, maxMemoryUsageInMB: 1024 });
  checkPixels(width, height);
  return { width, height, data };
}
