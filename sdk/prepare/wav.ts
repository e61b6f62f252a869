/** RIFF/WAVE files: PCM of 8, 16, 24 or 32 bits and floats; channels are averaged. */
import { OctavoError } from "../errors.ts";
import type { Sound } from "./audio.ts";

const fail = (problem: string): never => { throw new OctavoError("ERR_OCTAVO_FORMAT", `wav: ${problem}. Save the sound as PCM, e.g. with sox IN -b 16 OUT.wav.`); };

/** @throws OctavoError ERR_OCTAVO_FORMAT */
export function readWav(bytes: Uint8Array): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length), word = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || word(0) !== "RIFF" || word(8) !== "WAVE") fail("the first bytes are not those of a RIFF/WAVE file");
  const chunks = new Map<string, [from: number, to: number]>();
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true), from = at + 8;
    if (!chunks.has(word(at))) chunks.set(word(at), [from, Math.min(bytes.length, from + size)]);
    at = from + size + (size & 1);
  }
  const [format = 0, formatEnd = 0] = chunks.get("fmt ") ?? [], [from, to] = chunks.get("data") ?? fail("it has no sound");
  if (formatEnd - format < 16) fail("it does not say its format");
  const tag = view.getUint16(format, true), extended = tag === 0xfffe && formatEnd - format >= 26, kind = extended ? view.getUint16(format + 24, true) : tag;
  const channels = view.getUint16(format + 2, true), sampleRate = view.getUint32(format + 4, true), bits = view.getUint16(format + 14, true);
  const read = readers[`${kind === 3 ? "float" : kind === 1 ? "pcm" : `format ${kind} of `}${bits}`] ?? fail(`it holds ${kind === 1 || kind === 3 ? "" : `format ${kind} of `}${bits} bits`);
  if (!(channels >= 1 && channels <= 64) || !(sampleRate >= 1)) fail(`it has ${channels} channels at ${sampleRate} Hz`);
  const size = bits / 8, count = Math.floor((to - from) / (size * channels));
  const mixed = (i: number) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += read(view, from + (i * channels + c) * size);
    return sum / channels;
  };
  return { sampleRate, samples: Float32Array.from({ length: count }, (_, i) => mixed(i)) };
}

/** One sample in −1 … 1. */
const readers: Record<string, (view: DataView, at: number) => number> = {
  pcm8: (v, at) => (v.getUint8(at) - 128) / 128,
  pcm16: (v, at) => v.getInt16(at, true) / 32768,
  pcm24: (v, at) => (v.getUint16(at, true) + v.getInt8(at + 2) * 65536) / 8388608,
  pcm32: (v, at) => v.getInt32(at, true) / 2147483648,
  float32: (v, at) => v.getFloat32(at, true),
  float64: (v, at) => v.getFloat64(at, true),
};
