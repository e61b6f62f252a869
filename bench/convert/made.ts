/** Models of any size, as ONNX files: `wide` stacks dense layers of 1024, `deep` many 3 × 3 convolutions of 32 channels, `long` thousands of dense layers of 4. */
import { messages } from "../../converter/formats/onnx/proto.ts";
import type { NodeProto, TensorProto } from "../../converter/formats/onnx/proto.ts";
import type { Decoded } from "../../converter/formats/wire/protobuf.ts";
import { node, value } from "../../test/formats/onnx-model.ts";
import { encode } from "../../test/formats/protobuf-write.ts";

export type Shape = "wide" | "deep" | "long";
const shapes: Record<Shape, { w: number[]; x: number[]; layer: (x: string, i: number) => NodeProto }> = {
  wide: { w: [1024, 1024], x: [1, 1024], layer: (x, i) => node("Gemm", [x, `w${i}`, `b${i}`], [`c${i}`], { transB: 1 }) },
  deep: { w: [32, 32, 3, 3], x: [1, 32, 4, 4], layer: (x, i) => node("Conv", [x, `w${i}`, `b${i}`], [`c${i}`], { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }) },
  long: { w: [4, 4], x: [1, 4], layer: (x, i) => node("Gemm", [x, `w${i}`, `b${i}`], [`c${i}`], { transB: 1 }) },
};

/** Weights of `bytes` in all, of a spread that keeps activations in range. */
export function madeModel(shape: Shape, bytes: number): Uint8Array {
  const { w, x, layer } = shapes[shape], size = w.reduce((n, d) => n * d, 1), spread = Math.sqrt(6 / (size / w[0]!)), nodes: NodeProto[] = [], initializer: TensorProto[] = [];
  let seed = 1, last = "x";
  const noise = (name: string, dims: number[], scale: number): TensorProto => {
    const values = new Float32Array(dims.reduce((n, d) => n * d, 1));
    for (let i = 0; i < values.length; i++) values[i] = scale * ((seed = (Math.imul(seed, 1664525) + 1013904223) | 0) / 2 ** 31);
    return { name, dims, dataType: 1, rawData: new Uint8Array(values.buffer) };
  };
  for (let i = 0; 4 * size * i < bytes; i++) {
    initializer.push(noise(`w${i}`, w, spread), noise(`b${i}`, w.slice(0, 1), 0.1));
    nodes.push(layer(last, i), node("Relu", [`c${i}`], [last = `y${i}`]));
  }
  return encode({ irVersion: 9, graph: { name: shape, node: nodes, initializer, input: [value("x", x)], output: [value(last, x)] }, opsetImport: [{ domain: "", version: 17 }] } as Decoded, messages.model);
}
