/** Float32 operators, each alone in a graph. */
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { sizeOf, type Graph } from "../../converter/ir/graph.ts";
import { noClamp, type Attributes, type OpName } from "../../converter/ir/ops.ts";
import { random } from "../../test/kernels/random.ts";

/** One operator; weights constant, the first operand an input. */
function graphOf<K extends OpName>(op: K, shapes: number[][], attributes: Attributes<K>, inputs = 1): Graph {
  const b = new GraphBuilder("bench", op), r = random(1);
  const names = shapes.map((shape, i) => (i < inputs ? b.input(`x${i}`, "float32", shape) : b.constant(`c${i}`, "float32", shape, r.floats(sizeOf(shape)))));
  b.output(b.add(op, names, attributes, ["y"]));
  return b.graph;
}

const conv = (x: number[], O: number, k: number, stride = 1, depthwise = false): Graph => {
  const pad = k === 1 ? 0 : 1, C = x[2]!, groups = depthwise ? C : 1;
  return graphOf("conv2d", [[1, ...x], [O, k, k, C / groups], [O]], { stride: [stride, stride], dilation: [1, 1], pad: [pad, pad, pad, pad], groups, clamp: [0, 6] });
};
const unary = (op: "sigmoid" | "tanh" | "exp" | "gelu" | "clip" | "hardSwish") => graphOf(op, [[16384]], { alpha: 0, beta: 6 });
export const floatCases: Record<string, () => Graph> = {
  "pointwise 576 64→64": () => conv([24, 24, 64], 64, 1),
  "pointwise 576 128→128": () => conv([24, 24, 128], 128, 1),
  "pointwise 2304 64→128": () => conv([48, 48, 64], 128, 1),
  "pointwise 144 256→256": () => conv([12, 12, 256], 256, 1),
  "pointwise 9216 8→16": () => conv([96, 96, 8], 16, 1),
  "conv 3×3 24² 16→16": () => conv([24, 24, 16], 16, 3),
  "conv 3×3 24² 32→32": () => conv([24, 24, 32], 32, 3),
  "conv 3×3 12² 64→64": () => conv([12, 12, 64], 64, 3),
  "conv 3×3 48² s2 16→32": () => conv([48, 48, 16], 32, 3, 2),
  "conv 3×3 96² s2 3→8": () => conv([96, 96, 3], 8, 3, 2),
  "depthwise 3×3 24² 64": () => conv([24, 24, 64], 64, 3, 1, true),
  "depthwise 3×3 48² 64 s2": () => conv([48, 48, 64], 64, 3, 2, true),
  "depthwise 3×3 12² 256": () => conv([12, 12, 256], 256, 3, 1, true),
  "depthwise 3×3 96² 64": () => conv([96, 96, 64], 64, 3, 1, true),
  "dense 640→128": () => graphOf("dense", [[1, 640], [128, 640], [128]], { clamp: noClamp }),
  "dense 128→16": () => graphOf("dense", [[1, 128], [16, 128], [16]], { clamp: noClamp }),
  "matmul 4×49×32×49": () => graphOf("matmul", [[4, 49, 32], [4, 32, 49]], {}, 2),
  "sigmoid 16384": () => unary("sigmoid"),
  "tanh 16384": () => unary("tanh"),
  "gelu 16384": () => unary("gelu"),
  "clip 16384": () => unary("clip"),
  "hardSwish 16384": () => unary("hardSwish"),
  "add 16384": () => graphOf("add", [[16384], [16384]], { clamp: noClamp }, 2),
  "add channels 576×64": () => graphOf("add", [[576, 64], [64]], { clamp: noClamp }, 2),
  "softmax 1000": () => graphOf("softmax", [[1, 1000]], { axis: 1 }),
  "mean 7²×256": () => graphOf("reduceMean", [[1, 7, 7, 256]], { axes: [1, 2], keepDims: false }),
  "transpose 64×576": () => graphOf("transpose", [[64, 576]], { perm: [1, 0] }),
};
