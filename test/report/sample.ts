/** A report with everything in it: long names, a poor layer, a float layer, equal names, a hostile name. */
import type { LayerReport, Report } from "../../converter/report/report.ts";

function layer(i: number): LayerReport {
  const name = i === 7 ? '</title><script>alert("x")</script>&' : i % 3 ? `/features/features.${i}/conv/conv.1/Conv_output_${i}` : "conv";
  const float = i === 19, reach = 1 + ((i * 7) % 11), scale = reach / 200;
  return {
    name, op: i % 4 ? "conv2d" : "add", kernel: float ? "softmaxF32" : i % 4 ? "conv2dI8" : "addI8", macs: i % 4 ? 400_000 + 90_000 * ((i * 5) % 13) : 0, weightBytes: i % 4 ? 900 * i : 0,
    precision: float ? "float32" : "int8", ...(float && { floatBecause: "softmax has no integer kernel" }),
    outputs: [{ name: `t${i}`, dtype: float ? "float32" : "int8", shape: [1, 16, 16, 24], ...(!float && { scale, zeroPoint: i % 2 ? -128 : 3 }), range: [i % 2 ? 0 : -0.8 * reach * 0.6, reach] }],
    error: { sqnr: i === 11 ? 12.4 : 45 - i, largest: 0.4, mean: 0.03, saturated: 0.001 * i }, microseconds: 12 + ((i * 37) % 90),
  };
}

const COUNT = 20;
const blocks = Array.from({ length: COUNT }, (_, i) => {
  const bytes = 6144 - 180 * i, arena = 24_576;
  return { name: i % 6 === 5 ? `scratch ${i}` : `t${i}`, address: i % 2 ? 0 : i % 6 === 5 ? 12_288 : arena - bytes, bytes, first: i === 0 ? -1 : i, last: i % 5 === 0 ? i + 3 : i + 1 };
});

export const sample: Report = {
  name: "mobilenet <tiny>", source: { format: "onnx", bytes: 412_300, parameters: 101_000, operators: { Conv: 15, Add: 5 } }, model: { bytes: 118_144, weightBytes: 104_000, macs: 12_345_678 },
  precision: "int8", rounding: "fast", calibration: { samples: 100, method: "mse" },
  inputs: [{ name: "input", dtype: "float32", shape: [1, 3, 32, 32], layout: "nchw" }], outputs: [{ name: "logits", dtype: "float32", shape: [1, 10], layout: "" }],
  layers: Array.from({ length: COUNT }, (_, i) => layer(i)), memory: { arenaBytes: 24_576, largestLive: 23_552, blocks },
  times: [{ stage: "read", ms: 20 }, { stage: "calibrate", ms: 900 }], notes: ["The batch axis of <input> was bound to 1."],
};
