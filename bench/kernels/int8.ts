/** Int8 operators, each alone in a graph: layers of the models that are measured, and their relatives. */
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { sizeOf, type Graph, type Quantization } from "../../converter/ir/graph.ts";
import { noClamp, type Attributes, type OpName } from "../../converter/ir/ops.ts";
import { random } from "../../test/kernels/random.ts";

const r = random(1);
const scaled = (scale: number, zero: number, channels = 1): Quantization => ({ scale: new Float32Array(channels).fill(scale), zeroPoint: new Int32Array(channels).fill(zero), axis: 0 });

const x = scaled(0.05, 3);

/** One operator on int8; weights and biases constant, the first operands inputs. */
function graphOf<K extends OpName>(op: K, shapes: number[][], attributes: Attributes<K>, { inputs = 1, y = scaled(0.05, -5) } = {}): Graph {
  const b = new GraphBuilder("bench", op);
  const names = shapes.map((shape, i) => {
    if (i < inputs) return b.input(`x${i}`, "int8", shape, "", x);
    if (i === 2) return b.constant("b", "int32", shape, Int32Array.from(r.floats(shape[0]!, 1000)), scaled(0.0005, 0, shape[0]));
    return b.constant(`w${i}`, "int8", shape, r.bytes(sizeOf(shape)), scaled(0.01, 0, shape[0]));
  });
  b.output(b.add(op, names, attributes, ["y"], { dtype: "int8", quantization: y }));
  return b.graph;
}

const conv = (x: number[], O: number, k: number, stride = 1, depthwise = false): Graph => {
  const pad = k === 1 ? 0 : (k - 1) >> 1, C = x[2]!, groups = depthwise ? C : 1;
  return graphOf("conv2d", [[1, ...x], [O, k, k, C / groups], [O]], { stride: [stride, stride], dilation: [1, 1], pad: [pad, pad, pad, pad], groups, clamp: noClamp });
};
const pool = (k: number) => ({ kernel: [k, k], stride: [k, k], dilation: [1, 1], pad: [0, 0, 0, 0], clamp: noClamp, countIncludePad: false });
export const int8Cases: Record<string, () => Graph> = {
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
  "maxPool 2² 24² 64": () => graphOf("maxPool2d", [[1, 24, 24, 64]], pool(2), { y: x }),
  "averagePool 6² 256": () => graphOf("averagePool2d", [[1, 6, 6, 256]], pool(6)),
  "add 16384": () => graphOf("add", [[16384], [16384]], { clamp: noClamp }, { inputs: 2 }),
  "mul 256 × 64 by 64": () => graphOf("mul", [[1, 16, 16, 64], [1, 1, 1, 64]], { clamp: noClamp }, { inputs: 2 }),
  "sigmoid 16384": () => graphOf("sigmoid", [[16384]], { alpha: 0, beta: 0 }),
  "quantize 16384": () => {
    const b = new GraphBuilder("bench", "quantize");
    b.output(b.add("quantize", [b.input("x", "float32", [16384])], {}, ["y"], { dtype: "int8", quantization: x }));
    return b.graph;
  },
  "softmax 1000": () => graphOf("softmax", [[1, 1000]], { axis: 1 }),
};
