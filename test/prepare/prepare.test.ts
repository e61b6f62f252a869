/** Pictures and sound as inputs, against TensorFlow and Pillow; test/fixtures/media/make.py made them. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { fourier } from "../../sdk/prepare/fourier.ts";
import { prepareSound, readWav, type SoundPreparation } from "../../targets/audio.ts";
import { prepareImage, type ImagePreparation } from "../../targets/image.ts";
import { bytesOf, valuesOf, type MadeCase } from "../formats/made.ts";

interface Prepared extends MadeCase { how: object; shape: number[] }
interface Wave extends MadeCase { file: string; step: number }
const { cases: { pictures, sounds, features } } = JSON.parse(gunzipSync(readFileSync(new URL("../fixtures/media/made.json.gz", import.meta.url))).toString()) as
  { cases: { pictures: Prepared[]; sounds: Wave[]; features: Prepared[] } };

const port = (shape: number[], layout = "nhwc") => ({ name: "x", shape, layout });
const far = (found: ArrayLike<number>, expected: ArrayLike<number>): number => (found.length === expected.length ? Math.max(...Array.from(expected, (e, i) => Math.abs(found[i]! - e))) : Infinity);
const range = (values: ArrayLike<number>) => Math.max(...Array.from(values, Math.abs));

describe("pictures", () => {
  const picture = { width: 31, height: 23, data: valuesOf(pictures[0]!.inputs[0]!) };
  for (const c of pictures) test(c.name, () =>
    expect(far(prepareImage(picture, port(c.shape), { kind: "image", ...c.how } as ImagePreparation), valuesOf(c.outputs[0]!))).toBeLessThan(1e-3));

  const two = { width: 2, height: 1, data: Uint8Array.of(255, 0, 51, 128, 102, 204, 0, 128) }, image = (how: object, shape: number[], layout = "nhwc") => [...prepareImage(two, port(shape, layout), { kind: "image", ...how } as ImagePreparation)].map((v) => Math.round(v * 1000) / 1000);
  test("channels last, red first, 0 … 1", () => expect(image({}, [1, 1, 2, 3])).toEqual([1, 0, 0.2, 0.4, 0.8, 0]));
  test("channels first, blue first", () => expect(image({ order: "bgr" }, [1, 3, 1, 2], "nchw")).toEqual([0.2, 0, 0, 0.8, 1, 0.4]));
  test("mean and deviation per channel", () => expect(image({ scale: 1, mean: [255, 0, 1], std: [1, 2, 10] }, [1, 1, 2, 3])).toEqual([0, 0, 5, -153, 102, -0.1]));
  test("grey of colours", () => expect(image({ scale: 1 }, [1, 1, 2])).toEqual([Math.round(1000 * (0.299 * 255 + 0.114 * 51)) / 1000, Math.round(1000 * (0.299 * 102 + 0.587 * 204)) / 1000]));
  test("a flat input with its size", () => expect(image({ size: [1, 2], scale: 1 }, [1, 2], "")).toEqual(image({ scale: 1 }, [1, 1, 2])));
  test("grey pixels in three channels", () => expect([...prepareImage({ width: 1, height: 1, data: [51] }, port([1, 1, 1, 3]), { kind: "image" })].map((v) => v.toFixed(3))).toEqual(["0.200", "0.200", "0.200"]));
  for (const [what, how, shape, message] of [
    ["an unknown setting", { means: 1 }, [1, 1, 2, 3], /it has "means", expected some of kind, layout, size, fit/], ["a wrong mean", { mean: [1, 2] }, [1, 1, 2, 3], /mean is \[1,2\], expected a number, or 3/],
    ["a wrong fit", { fit: "cover" }, [1, 1, 2, 3], /fit is "cover", expected "stretch" or "crop" or "pad"/], ["an input that is no picture", {}, [1, 7], /\[1,7\]: it is no picture: say its size/],
    ["an input of many channels", {}, [1, 2, 2, 16], /leaves 16 channels, expected 1 or 3/],
  ] as const) test(`refuses ${what}`, () => expect(() => image(how, [...shape], shape.length === 4 ? "nhwc" : "")).toThrow(message));
});

describe("WAVE files", () => {
  for (const c of sounds) test(c.name, () => {
    const { sampleRate, samples } = readWav(bytesOf(c.file));
    expect(sampleRate).toBe(16000);
    expect(far(samples, valuesOf(c.outputs[0]!))).toBeLessThanOrEqual(c.step);
  });
  const bytes = bytesOf(sounds[1]!.file);
  for (let cut = 0; cut < 60; cut++) test(`cut off after ${cut} bytes`, () => {
    try {
      expect(readWav(bytes.slice(0, cut)).samples.length).toBeLessThan(10);
    } catch (e) {
      expect((e as Error).message).toMatch(/^wav: .*Save the sound as PCM/);
    }
  });
  test("compressed sound is refused", () => {
    const other = bytes.slice();
    other[20] = 85;
    expect(() => readWav(other)).toThrow(/format 85 of 16 bits/);
  });
});

describe("sound", () => {
  const samples = valuesOf(features[0]!.inputs[0]!) as Float32Array, sound = { samples, sampleRate: 16000 };
  for (const c of features) test(c.name, () => {
    const expected = valuesOf(c.outputs[0]!), found = prepareSound(sound, port(c.shape, ""), { kind: "audio", sampleRate: 16000, ...c.how } as SoundPreparation);
    expect(far(found, expected) / range(expected)).toBeLessThan(2e-4);
  });
  test("a waveform is cut off, or silence follows", () => {
    expect([...prepareSound(sound, port([1, 3], ""), { kind: "audio", sampleRate: 16000 })]).toEqual([...samples.subarray(0, 3)]);
    expect([...prepareSound({ samples: Float32Array.of(1, 2), sampleRate: 8 }, port([1, 4], ""), { kind: "audio", sampleRate: 8, mean: 1, std: 2 })]).toEqual([0, 0.5, -0.5, -0.5]);
  });
  test("resampling keeps a tone", () => {
    const tone = (rate: number, count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / rate));
    for (const [from, to] of [[44100, 16000], [8000, 16000], [48000, 8000]] as const) {
      const found = prepareSound({ samples: tone(from, from), sampleRate: from }, port([1, to], ""), { kind: "audio", sampleRate: to }), middle = [to / 4, (3 * to) / 4] as const;
      expect(far(found.subarray(...middle), tone(to, to).subarray(...middle))).toBeLessThan(2e-3);
    }
  });
  test("resampling leaves out what the lower rate cannot hold", () => {
    const tone = Float32Array.from({ length: 16000 }, (_, i) => Math.sin((2 * Math.PI * 7000 * i) / 16000)), found = prepareSound({ samples: tone, sampleRate: 16000 }, port([1, 8000], ""), { kind: "audio", sampleRate: 8000 });
    expect(range(found.subarray(1000, 7000))).toBeLessThan(0.01);
  });
  for (const [what, how, shape, message] of [
    ["no rate", { sampleRate: undefined }, [1, 4], /sampleRate is undefined, expected a number from 1/], ["an odd transform", { features: "mel", frameLength: 480, frameStep: 320, fftLength: 500 }, [1, 40], /fftLength is 500, expected a power of two from 480/],
    ["no frame length", { features: "mfcc" }, [1, 13], /frameLength is undefined/], ["another number of bands", { features: "mel", frameLength: 16, frameStep: 8 }, [1, 41], /whole frames of 40 values/],
    ["bands beyond the rate", { features: "mel", frameLength: 16, frameStep: 8, melRange: [0, 9000] }, [1, 40], /melRange is \[0,9000\], expected \[low, high\] up to 8000/],
  ] as const) test(`refuses ${what}`, () => expect(() => prepareSound(sound, port([...shape], ""), { kind: "audio", sampleRate: 16000, ...how } as never)).toThrow(message));
});

test("the transform is the sum it stands for", () => {
  const N = 16, x = Array.from({ length: N }, (_, i) => Math.sin(i * i)), re = Float64Array.from(x), im = new Float64Array(N);
  fourier(re, im);
  for (let k = 0; k < N; k++) {
    expect(re[k]).toBeCloseTo(x.reduce((s, v, n) => s + v * Math.cos((2 * Math.PI * k * n) / N), 0), 10);
    expect(im[k]).toBeCloseTo(-x.reduce((s, v, n) => s + v * Math.sin((2 * Math.PI * k * n) / N), 0), 10);
  }
});
