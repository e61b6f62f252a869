/**
 * Int8 operators against the peak loop of the same process, interleaved, best of many short windows.
 *   node bench/kernels.i8.ts [build] [part of a name] [fast|tflite]
 */
import { compile } from "../converter/compile.ts";
import { GraphBuilder } from "../converter/ir/builder.ts";
import { sizeOf, type Graph, type Quantization } from "../converter/ir/graph.ts";
import { noClamp, type Attributes, type OpName } from "../converter/ir/ops.ts";
import type { Rounding } from "../converter/lower/context.ts";
import { load, relaxed, scalar, simd } from "../targets/node/index.ts";
import { random } from "../test/kernels/random.ts";
import { reporter } from "./windows.ts";

const [wanted = "simd", part = "", rounding = "fast"] = process.argv.slice(2);
const build = [scalar, simd, relaxed].find((b) => b.name === wanted)!, r = random(1);
const scaled = (scale: number, zero: number, channels = 1): Quantization => ({ scale: new Float32Array(channels).fill(scale), zeroPoint: new Int32Array(channels).fill(zero), axis: 0 });

/** One operator on int8; weights and biases constant, the first operands inputs. */
function graphOf<K extends OpName>(op: K, shapes: number[][], attributes: Attributes<K>, { inputs = 1, scale = 0.05 } = {}): Graph {
  const b = new GraphBuilder("bench", op);
  const names = shapes.map((shape, i) => {
    if (i < inputs) return b.input(`x${i}`, "int8", shape, "", scaled(0.05, 3));
    if (i === 2) return b.constant("b", "int32", shape, Int32Array.from(r.floats(shape[0]!, 1000)), scaled(0.0005, 0, shape[0]));
    return b.constant(`w${i}`, "int8", shape, r.bytes(sizeOf(shape)), scaled(0.01, 0, shape[0]));
  });
  b.output(b.add(op, names, attributes, ["y"], { dtype: "int8", quantization: scaled(scale, -5) }));
  return b.graph;
}

const conv = (x: number[], O: number, k: number, stride = 1, depthwise = false): Graph => {
  const pad = k === 1 ? 0 : (k - 1) >> 1, C = x[2]!, groups = depthwise ? C : 1;
  return graphOf("conv2d", [[1, ...x], [O, k, k, C / groups], [O]], { stride: [stride, stride], dilation: [1, 1], pad: [pad, pad, pad, pad], groups, clamp: noClamp });
};
const pool = (x: number[], k: number, stride: number) => ({ kernel: [k, k], stride: [stride, stride], dilation: [1, 1], pad: [0, 0, 0, 0], clamp: noClamp, x });
const cases: Record<string, () => Graph> = {
  "pointwise 576 64→64": () => conv([24, 24, 64], 64, 1),
  "pointwise 576 128→128": () => conv([24, 24, 128], 128, 1),
  "pointwise 2304 64→128": () => conv([48, 48, 64], 128, 1),
  "pointwise 144 256→256": () => conv([12, 12, 256], 256, 1),
  "pointwise 9 256→256": () => conv([3, 3, 256], 256, 1),
  "pointwise 2304 8→16": () => conv([48, 48, 8], 16, 1),
  "conv 3×3 24² 16→16": () => conv([24, 24, 16], 16, 3),
  "conv 3×3 24² 32→32": () => conv([24, 24, 32], 32, 3),
  "conv 3×3 12² 64→64": () => conv([12, 12, 64], 64, 3),
  "conv 3×3 48² s2 16→32": () => conv([48, 48, 16], 32, 3, 2),
  "conv 3×3 96² s2 3→8": () => conv([96, 96, 3], 8, 3, 2),
  "conv 3×3 32² 3→16": () => conv([32, 32, 3], 16, 3),
  "conv 10×4 kws 1→64": () => graphOf("conv2d", [[1, 49, 10, 1], [64, 10, 4, 1], [64]], { stride: [2, 2], dilation: [1, 1], pad: [4, 1, 5, 1], groups: 1, clamp: noClamp }),
  "depthwise 3×3 12² 64": () => conv([12, 12, 64], 64, 3, 1, true),
  "depthwise 3×3 24² 64": () => conv([24, 24, 64], 64, 3, 1, true),
  "depthwise 3×3 48² 64": () => conv([48, 48, 64], 64, 3, 1, true),
  "depthwise 3×3 48² 64 s2": () => conv([48, 48, 64], 64, 3, 2, true),
  "depthwise 3×3 25×5 64": () => conv([25, 5, 64], 64, 3, 1, true),
  "depthwise 3×3 6² 256": () => conv([6, 6, 256], 256, 3, 1, true),
  "depthwise 5×5 24² 64": () => conv([24, 24, 64], 64, 5, 1, true),
  "dense 640→128": () => graphOf("dense", [[1, 640], [128, 640], [128]], { clamp: noClamp }),
  "dense 256→128": () => graphOf("dense", [[1, 256], [128, 256], [128]], { clamp: noClamp }),
  "dense 128→16": () => graphOf("dense", [[1, 128], [16, 128], [16]], { clamp: noClamp }),
  "dense 64 rows 128→512": () => graphOf("dense", [[64, 128], [512, 128], [512]], { clamp: noClamp }),
  "matmul 4×49×32×49": () => graphOf("matmul", [[4, 49, 32], [4, 32, 49]], {}, { inputs: 2 }),
  "maxPool 2² 24² 64": () => { const { x, ...a } = pool([24, 24, 64], 2, 2); return graphOf("maxPool2d", [[1, ...x]], a); },
  "averagePool 6² 256": () => { const { x, ...a } = pool([6, 6, 256], 6, 6); return graphOf("averagePool2d", [[1, ...x]], a); },
  "add 16384": () => graphOf("add", [[16384], [16384]], { clamp: noClamp }, { inputs: 2 }),
  "mul 256 × 64 by 64": () => graphOf("mul", [[1, 16, 16, 64], [1, 1, 1, 64]], { clamp: noClamp }, { inputs: 2 }),
  "sigmoid 16384": () => graphOf("sigmoid", [[16384]], { alpha: 0, beta: 0 }),
  "quantize 16384": () => {
    const b = new GraphBuilder("bench", "quantize");
    b.output(b.add("quantize", [b.input("x", "float32", [16384])], {}, ["y"], { dtype: "int8", quantization: scaled(0.05, 3) }));
    return b.graph;
  },
  "softmax 1000": () => graphOf("softmax", [[1, 1000]], { axis: 1 }),
};

const report = reporter("i8");
for (const [name, graph] of Object.entries(cases)) {
  if (!name.includes(part)) continue;
  const maxPool = name.startsWith("maxPool"), built = graph();
  if (maxPool) built.tensors.get("y")!.quantization = built.tensors.get("x0")!.quantization!;
  const { model, program } = await compile(built, { rounding: rounding as Rounding }), loaded = await load(model, { builds: [build] });
  const given = Object.fromEntries(loaded.inputs.map((i) => [i.name, r.bytes(sizeOf(i.shape))]));
  const floats = name.startsWith("quantize");
  if (!floats) loaded.runRaw(given);
  const exports = (loaded as unknown as { exports: { octavo_run_raw(): void; octavo_run(): void } }).exports, run = floats ? () => exports.octavo_run() : () => exports.octavo_run_raw(), macs = program.calls.reduce((n, c) => n + c.macs, 0);
  report({ name, run, macs, size: sizeOf(loaded.outputs[0]!.shape) });
}
