/** Pictures → the values of an image input: fitted, resized, scaled; channels in the model's order. */
import { misfit, Settings, type InputPort } from "./settings.ts";

/** Rows from the top, pixels from the left, channels together: what a canvas gives as ImageData, or a decoder. */
export interface Picture {
  width: number;
  height: number;
  /** 0 … 255: grey, grey and alpha, RGB or RGBA. Alpha is not looked at. */
  data: ArrayLike<number>;
}

export interface ImagePreparation {
  kind: "image";
  /** [height, width] where the input's shape does not tell. */
  size?: [number, number];
  /** Order of the axes where the input does not tell; default: channels are where 1 or 3 stand, last if both do. */
  layout?: "nhwc" | "nchw";
  /** `stretch` (default) to the input's size; `crop` the middle of its proportions; `pad` around the whole picture. */
  fit?: "stretch" | "crop" | "pad";
  /** `bilinear` (default): two neighbours per axis, as TensorFlow and OpenCV; `antialias`: all that an output pixel covers, as Pillow; `nearest`. */
  resize?: "bilinear" | "antialias" | "nearest";
  /** Of three channels; default rgb. */
  order?: "rgb" | "bgr";
  /** value = (pixel · scale − mean) / std, per channel or the same for all; defaults 1 / 255, 0 and 1. */
  scale?: number;
  mean?: number | number[];
  std?: number | number[];
  /** Pixel value around a padded picture; default 0. */
  fill?: number;
}

interface Target { height: number; width: number; channels: number; channelsFirst: boolean }

/**
 * The values of one image input.
 * @param port of the model, `model.inputs[0]`: its shape and layout say size and channels
 * @param how `model.metadata.preprocess`, or settings of your own
 * @returns float32, as many as the shape has
 * @throws OctavoError ERR_OCTAVO_FORMAT for `how`, ERR_OCTAVO_SHAPE where picture and input do not go together
 */
export function prepareImage(picture: Picture, port: InputPort, how: ImagePreparation | Record<string, unknown> | undefined): Float32Array {
  const s = new Settings(how, "image"), target = targetOf(port, s), { height, width, channels } = target;
  const fit = s.choice("fit", "stretch", ["stretch", "crop", "pad"]), mode = s.choice("resize", "bilinear", ["bilinear", "antialias", "nearest"]);
  const order = s.choice("order", "rgb", ["rgb", "bgr"]), scale = s.number("scale", 1 / 255), fill = s.number("fill", 0);
  const mean = s.numbers("mean", channels, 0), std = s.numbers("std", channels, 1);
  s.done();
  const planes = planesOf(picture, port, channels, order), { rows, columns } = windowsOf(picture, target, fit, mode), out = new Float32Array(height * width * channels);
  planes.forEach((plane, c) => {
    const values = resample(plane, picture.width, rows, columns);
    for (let i = 0; i < height * width; i++) {
      const pixel = values[i]! === values[i]! ? values[i]! : fill;
      out[target.channelsFirst ? c * height * width + i : i * channels + c] = (pixel * scale - mean[c]!) / std[c]!;
    }
  });
  return out;
}

/** [1,C,H,W], [1,H,W,C], [1,H,W], or any shape with `size`. */
function targetOf(port: InputPort, s: Settings): Target {
  const { shape } = port, size = shape.reduce((n, d) => n * d, 1), inner = shape.length > 1 && shape[0] === 1 ? shape.slice(1) : [...shape];
  const isColour = (d: number | undefined) => d === 1 || d === 3, guess = inner.length === 3 && isColour(inner[0]) && !isColour(inner[2]) ? "nchw" : "nhwc";
  const channelsFirst = s.choice("layout", port.layout === "nchw" || port.layout === "nhwc" ? port.layout : guess, ["nhwc", "nchw"]) === "nchw";
  const given = s.has("size") ? s.numbers("size", 2, 0) : undefined;
  const [height, width] = given ?? (inner.length === 3 ? (channelsFirst ? inner.slice(1) : inner.slice(0, 2)) : inner.length === 2 ? inner : misfit(port, "it is no picture: say its size, as in \"size\": [28, 28]"));
  const channels = size / (height! * width!);
  if (channels !== 1 && channels !== 3) misfit(port, `a picture of ${height} × ${width} leaves ${channels} channels, expected 1 or 3`);
  return { height: height!, width: width!, channels, channelsFirst };
}

/** Grey as Rec. 601 weighs it. */
function planesOf({ width, height, data }: Picture, port: InputPort, channels: number, order: "rgb" | "bgr"): Float32Array[] {
  const n = width * height, found = data.length / n;
  if (!(n > 0) || ![1, 2, 3, 4].includes(found)) misfit(port, `the picture has ${data.length} values for ${width} × ${height} pixels, expected 1 to 4 each`);
  const plane = (at: (i: number) => number) => Float32Array.from({ length: n }, (_, i) => at(i * found));
  if (channels === 1) return [plane(found < 3 ? (i) => data[i]! : (i) => 0.299 * data[i]! + 0.587 * data[i + 1]! + 0.114 * data[i + 2]!)];
  const colours = order === "rgb" ? [0, 1, 2] : [2, 1, 0];
  return colours.map((c) => plane((i) => data[i + (found < 3 ? 0 : c)]!));
}

/** Which input positions each output position is made of, and how; none outside of a padded picture. */
interface Taps { indices: number[]; weights: number[] }

function windowsOf({ width, height }: Picture, target: Target, fit: string, mode: string): { rows: Taps[]; columns: Taps[] } {
  const least = Math.min(width / target.width, height / target.height), most = Math.max(width / target.width, height / target.height);
  const axis = (from: number, to: number) => {
    const span = fit === "crop" ? least * to : from, inner = fit === "pad" ? Math.max(1, Math.round(from / most)) : to, before = Math.floor((to - inner) / 2);
    const taps = Array.from({ length: inner }, (_, o) => tapsAt((from - span) / 2, span / inner, o, from, mode));
    const none = (count: number) => Array.from({ length: count }, (): Taps => ({ indices: [], weights: [] }));
    return [...none(before), ...taps, ...none(to - inner - before)];
  };
  return { rows: axis(height, target.height), columns: axis(width, target.width) };
}

/** Output position `o`, `scale` input positions wide, from `start` on; half-pixel centres. */
function tapsAt(start: number, scale: number, o: number, size: number, mode: string): Taps {
  const centre = start + (o + 0.5) * scale, within = (i: number) => Math.min(size - 1, Math.max(0, i));
  if (mode === "nearest") return { indices: [within(Math.floor(centre))], weights: [1] };
  const reach = mode === "antialias" ? Math.max(1, scale) : 1, first = Math.ceil(centre - 0.5 - reach), last = Math.floor(centre - 0.5 + reach);
  const at = Array.from({ length: last - first + 1 }, (_, t) => first + t), weigh = (i: number) => Math.max(0, 1 - Math.abs(i + 0.5 - centre) / reach);
  // Antialiasing leaves out what lies beyond the edge, plain sampling repeats the edge.
  const inside = mode === "antialias" ? at.filter((i) => i >= 0 && i < size) : at, sum = inside.reduce((total, i) => total + weigh(i), 0);
  return { indices: inside.map(within), weights: inside.map((i) => weigh(i) / sum) };
}

/** NaN stands where there is no picture. */
function resample(plane: Float32Array, width: number, rows: Taps[], columns: Taps[]): Float64Array {
  const sum = ({ indices, weights }: Taps, at: (i: number) => number) => (indices.length ? indices.reduce((total, i, t) => total + weights[t]! * at(i), 0) : NaN);
  const needed = new Map<number, Float64Array>(), lineOf = (y: number) => {
    if (!needed.has(y)) needed.set(y, Float64Array.from(columns, (taps) => sum(taps, (x) => plane[y * width + x]!)));
    return needed.get(y)!;
  };
  return Float64Array.from(rows.flatMap((taps) => columns.map((_, x) => sum(taps, (y) => lineOf(y)[x]!))));
}
