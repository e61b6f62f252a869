/**
 * Sound → the values of a model's input: the waveform itself, or spectra, mel bands and cepstral coefficients of its
 * frames as tf.signal computes them.
 */
import { fourier } from "./fourier.ts";
import { misfit, Settings, type InputPort } from "./settings.ts";

/** One channel, −1 … 1. */
export interface Sound { samples: Float32Array; sampleRate: number }

export interface SoundPreparation {
  kind: "audio";
  /** Hz that the model was trained with; other sound is resampled. */
  sampleRate: number;
  /** Default waveform. `mel` are sums of magnitudes, `log-mel` their logarithms, `mfcc` the cosine transform of those. */
  features?: "waveform" | "spectrogram" | "mel" | "log-mel" | "mfcc";
  /** Samples of a frame, and from frame to frame. */
  frameLength?: number;
  frameStep?: number;
  /** Samples of a transform, a power of two; default the least that holds a frame. */
  fftLength?: number;
  /** Default hann (periodic). */
  window?: "hann" | "hamming" | "none";
  /** 1 magnitudes (default), 2 their squares. */
  power?: 1 | 2;
  /** Bands and their range in Hz; defaults 40, and 20 Hz to half the sample rate. */
  melBins?: number;
  melRange?: [number, number];
  /** log(mel + logOffset); default 1e-6. */
  logOffset?: number;
  /** Cepstral coefficients, the first of them; default 13. */
  coefficients?: number;
  /** value = (feature · scale − mean) / std; defaults 1, 0 and 1. */
  scale?: number;
  mean?: number;
  std?: number;
}

/**
 * The values of one input of sound; a shorter sound is followed by silence, of a longer one the beginning is taken.
 * @param port of the model, `model.inputs[0]`: its shape says how many samples or frames
 * @param how `model.metadata.preprocess`, or settings of your own
 * @returns float32, as many as the shape has, frame by frame
 * @throws OctavoError ERR_OCTAVO_FORMAT for `how`, ERR_OCTAVO_SHAPE where features and input do not go together
 */
export function prepareSound(sound: Sound, port: InputPort, how: SoundPreparation | Record<string, unknown> | undefined): Float32Array {
  const s = new Settings(how, "audio"), rate = s.count("sampleRate", 0), size = port.shape.reduce((n, d) => n * d, 1);
  const kind = s.choice("features", "waveform", ["waveform", "spectrogram", "mel", "log-mel", "mfcc"]), frames = framesOf(s, rate, kind);
  const scale = s.number("scale", 1), mean = s.number("mean", 0), std = s.number("std", 1);
  s.done();
  const most = kind === "waveform" ? size : size * frames.step + frames.length, x = resampled(sound, rate, most), values = kind === "waveform" ? x.subarray(0, size) : features(x, port, size, kind, frames);
  const out = new Float32Array(size).fill(-mean / std);
  for (let i = 0; i < Math.min(size, values.length); i++) out[i] = (values[i]! * scale - mean) / std;
  return out;
}

interface Frames { rate: number; length: number; step: number; fft: number; window: string; power: number; bins: number; range: number[]; offset: number; coefficients: number }

/** Of a waveform nothing but its rate matters. */
function framesOf(s: Settings, rate: number, kind: string): Frames {
  const otherwise = kind === "waveform" ? 1 : 0, length = s.count("frameLength", otherwise), step = s.count("frameStep", otherwise);
  const fft = s.count("fftLength", 2 ** Math.ceil(Math.log2(length))), range = s.has("melRange") ? s.numbers("melRange", 2, 0) : [20, rate / 2], power = s.number("power", 1);
  s.demand(fft >= length && Number.isInteger(Math.log2(fft)), "fftLength", `a power of two from ${length}`);
  s.demand(kind === "waveform" || (range[0]! >= 0 && range[0]! < range[1]! && range[1]! <= rate / 2), "melRange", `[low, high] up to ${rate / 2}`);
  s.demand(power === 1 || power === 2, "power", "1 or 2");
  return {
    rate, length, step, fft, range, power, window: s.choice("window", "hann", ["hann", "hamming", "none"]), bins: s.count("melBins", 40), offset: s.number("logOffset", 1e-6),
    coefficients: s.count("coefficients", 13),
  };
}

function features(x: Float32Array, port: InputPort, size: number, kind: string, f: Frames): Float64Array {
  const lines = f.fft / 2 + 1, width = kind === "spectrogram" ? lines : kind === "mfcc" ? f.coefficients : f.bins, count = size / width;
  if (!Number.isInteger(count)) misfit(port, `it does not hold whole frames of ${width} values`);
  if (kind === "mfcc" && width > f.bins) misfit(port, `${f.bins} mel bins have no ${width} coefficients`);
  const filters = kind === "spectrogram" ? [] : melFilters(f, lines), shape = windowOf(f), out = new Float64Array(size);
  for (let i = 0; i < count; i++) {
    const spectrum = magnitudes(x, i * f.step, shape, f);
    out.set(kind === "spectrogram" ? spectrum : ofBands(filters.map((w) => w.reduce((sum, v, k) => sum + v * spectrum[k]!, 0)), kind, f), i * width);
  }
  return out;
}

function ofBands(mel: number[], kind: string, f: Frames): ArrayLike<number> {
  if (kind === "mel") return mel;
  const log = mel.map((v) => Math.log(v + f.offset));
  return kind === "log-mel" ? log : cosines(log, f.coefficients);
}

/** DCT-II, orthogonal but for its first line: 2 Σ x[n] · cos(πk(2n + 1) / 2N) / √(2N). */
const cosines = (x: number[], count: number): number[] =>
  Array.from({ length: count }, (_, k) => (2 / Math.sqrt(2 * x.length)) * x.reduce((sum, v, n) => sum + v * Math.cos((Math.PI * k * (2 * n + 1)) / (2 * x.length)), 0));

function windowOf({ window, length }: Frames): Float64Array {
  const a = window === "hann" ? 0.5 : window === "hamming" ? 0.54 : 1;
  return Float64Array.from({ length }, (_, n) => a - (1 - a) * Math.cos((2 * Math.PI * n) / length));
}

function magnitudes(x: Float32Array, from: number, window: Float64Array, { fft, power }: Frames): Float64Array {
  const re = new Float64Array(fft), im = new Float64Array(fft);
  for (let n = 0; n < window.length; n++) re[n] = (x[from + n] ?? 0) * window[n]!;
  fourier(re, im);
  return Float64Array.from({ length: fft / 2 + 1 }, (_, k) => (power === 2 ? re[k]! ** 2 + im[k]! ** 2 : Math.hypot(re[k]!, im[k]!)));
}

const mel = (hertz: number): number => 1127 * Math.log1p(hertz / 700);

/** Triangles of equal width on the mel scale, one row of weights per band; the line of 0 Hz counts nowhere. Source: tf.signal.linear_to_mel_weight_matrix. */
function melFilters({ bins, range: [low, high], rate }: Frames, lines: number): Float64Array[] {
  const edge = (i: number) => mel(low!) + ((mel(high!) - mel(low!)) * i) / (bins + 1);
  return Array.from({ length: bins }, (_, b) => Float64Array.from({ length: lines }, (_, k) => {
    const at = mel((k * rate) / 2 / (lines - 1)), up = (at - edge(b)) / (edge(b + 1) - edge(b)), down = (edge(b + 2) - at) / (edge(b + 2) - edge(b + 1));
    return k === 0 ? 0 : Math.max(0, Math.min(up, down));
  }));
}

/** Zero crossings of the interpolating sinc on each side. */
const CROSSINGS = 16;

/** Band-limited: a sinc under a Hann window, below the lower of the two limits. `most` samples are enough. */
function resampled({ samples, sampleRate }: Sound, rate: number, most: number): Float32Array {
  if (sampleRate === rate) return samples;
  const ratio = sampleRate / rate, cut = Math.min(1, 1 / ratio), reach = CROSSINGS / cut;
  const kernel = (d: number) => (d === 0 ? cut : (Math.sin(Math.PI * d * cut) / (Math.PI * d)) * (0.5 + 0.5 * Math.cos((Math.PI * d) / reach)));
  return Float32Array.from({ length: Math.min(most, Math.floor(samples.length / ratio)) }, (_, o) => {
    const centre = o * ratio, first = Math.max(0, Math.ceil(centre - reach)), last = Math.min(samples.length - 1, Math.floor(centre + reach));
    let sum = 0;
    for (let i = first; i <= last; i++) sum += samples[i]! * kernel(i - centre);
    return sum;
  });
}
