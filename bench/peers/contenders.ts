/** Who runs what: one line per engine and form of a model. Files are made by files.ts; a model without the file is left out. */
export type EngineName = "octavo" | "litert" | "tfliteWeb" | "ortWeb" | "ortNode" | "tfjs";
export type HostName = "chromium" | "node";
export interface Contender {
  name: string;
  engine: EngineName;
  /** End of the model's file name. */
  file: string;
  /** Of ours. */
  build?: "simd" | "relaxed";
  hosts: readonly HostName[];
}

const both = ["chromium", "node"] as const, browser = ["chromium"] as const, native = ["node"] as const;
export const contenders: readonly Contender[] = [
  { name: "Octavo simd, int8", engine: "octavo", file: "int8.octavo", build: "simd", hosts: both },
  { name: "Octavo relaxed, int8", engine: "octavo", file: "int8.octavo", build: "relaxed", hosts: both },
  { name: "Octavo relaxed, 7-bit weights", engine: "octavo", file: "7bit.octavo", build: "relaxed", hosts: both },
  { name: "Octavo simd, float", engine: "octavo", file: "float.octavo", build: "simd", hosts: both },
  { name: "LiteRT.js, int8", engine: "litert", file: "int8.tflite", hosts: both },
  { name: "LiteRT.js, float", engine: "litert", file: "float.tflite", hosts: both },
  { name: "tfjs-tflite, int8", engine: "tfliteWeb", file: "int8.tflite", hosts: browser },
  { name: "onnxruntime-web, uint8", engine: "ortWeb", file: "u8.onnx", hosts: both },
  { name: "onnxruntime-web, int8", engine: "ortWeb", file: "s8.onnx", hosts: both },
  { name: "onnxruntime-web, int8 LSTM", engine: "ortWeb", file: "dynamic.onnx", hosts: both },
  { name: "onnxruntime-web, float", engine: "ortWeb", file: "float.onnx", hosts: both },
  { name: "TensorFlow.js wasm, float", engine: "tfjs", file: "tfjs.json", hosts: both },
  { name: "onnxruntime native, uint8", engine: "ortNode", file: "u8.onnx", hosts: native },
  { name: "onnxruntime native, int8", engine: "ortNode", file: "s8.onnx", hosts: native },
  { name: "onnxruntime native, int8 LSTM", engine: "ortNode", file: "dynamic.onnx", hosts: native },
  { name: "onnxruntime native, float", engine: "ortNode", file: "float.onnx", hosts: native },
];

/** A model as the engines see it: what files.ts writes to models.json. */
export interface Entry {
  name: string;
  kind: "cnn" | "lstm";
  macs: number;
  files: string[];
  /** Of the float TFLite file and of our int8 file. */
  bytes: { float: number; octavo: number };
  /** Of the int8 TFLite file: integers in and out, real = scale · (q − zeroPoint). */
  input: Port;
  output: Port;
  /** Shape of the ONNX twin's input, where it has one. */
  onnxShape?: number[];
  /** Inputs of the ONNX twin besides the first: states, each with an output of that name and "_out". */
  onnxStates?: { name: string; shape: number[] }[];
}
export interface Port { shape: number[]; scale: number; zeroPoint: number }

export type Values = Float32Array | Int8Array | Uint8Array;
/** One loaded model. `run` is timed: input copied in, output copied out. */
export interface Runner { run(x: Values): Values | Promise<Values>; close(): void }
export interface Engine {
  /** A model from `${entry.name}.${contender.file}`. */
  open(entry: Entry, contender: Contender): Promise<Runner>;
}

/** What the page and the Node process give to an engine. */
export interface Host {
  name: HostName;
  /** URL of the folder that the engines were installed to, with a slash behind it. */
  packages: string;
  read(file: string): Promise<Uint8Array>;
  /** Browser: runs a classic script. Node: what the package, or the CommonJS file, exports. */
  script(path: string): Promise<unknown>;
}

/** Integers of the TFLite form → what a contender's form takes. */
export function inputFor(entry: Entry, contender: Contender, x: Int8Array): Values {
  const { scale, zeroPoint } = entry.input, form = contender.file, float = !/^(int8|7bit|u8|s8)\b/.test(form) || (entry.kind === "lstm" && form.endsWith(".onnx"));
  const ordered = form.endsWith(".onnx") ? channelsFirst(x, entry) : x;
  if (float) return Float32Array.from(ordered, (q) => (q - zeroPoint) * scale);
  return form === "u8.onnx" ? Uint8Array.from(ordered, (q) => q + 128) : ordered;
}

/** What a contender answered, in real numbers. */
export function realOf(entry: Entry, contender: Contender, y: Values): Float32Array {
  const { scale, zeroPoint } = entry.output;
  if (y instanceof Float32Array) return y;
  return Float32Array.from(y, (q) => (q - (contender.file === "u8.onnx" ? 128 : 0) - zeroPoint) * scale);
}

function channelsFirst(x: Int8Array, { input: { shape }, onnxShape }: Entry): Int8Array {
  const [, H = 1, W = 1, C = 1] = shape;
  if (shape.length !== 4 || C === 1 || !onnxShape || onnxShape.join() === shape.join()) return x;
  const y = new Int8Array(x.length);
  for (let c = 0; c < C; c++) for (let p = 0; p < H * W; p++) y[c * H * W + p] = x[p * C + c]!;
  return y;
}

/** Noise over the whole range, the same in every run. */
export function noiseFor({ input: { shape } }: Entry): Int8Array {
  let seed = 12345;
  return Int8Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => (seed = (Math.imul(seed, 1664525) + 1013904223) | 0) >> 24);
}
