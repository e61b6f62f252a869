/**
 * SVDF, one frame per run: f = Wf · x joins the last M − 1 frames, and each unit sums its `rank` filters over them.
 *   y[n,u] = activation(b[u] + Σr Σm Wt[u·rank+r, m] · state[n, m, u·rank+r])
 * That is a dense layer, a state [N,M,1,F] shifted by one, and a grouped convolution over all M frames, in float as in
 * integers: Wf int8, state int16, Wt int16, b int32 (there the activation is the output's range).
 * x [N,I] · Wf [F,I] · Wt [F,M] · b [U]? · state variable → y [N,U]
 */
import { tensorOf, type Quantization } from "../../ir/graph.ts";
import { noClamp, type Clamp, type Hybrid } from "../../ir/ops.ts";
import { bias } from "./convolution.ts";
import { hybrid } from "./dense.ts";
import { clampOf, type OperatorTable, type TfliteNode } from "./node.ts";
import { options } from "./schema.ts";
import { carry, stateTensor } from "./states.ts";
import { dtypeOf, quantizationOf } from "./tensors.ts";

export const svdfs: OperatorTable = { SVDF: svdf };

function svdf(n: TfliteNode): void {
  const { rank, activation, asymmetric } = options.svdf(n.operator), isHybrid = n.isHybrid(1);
  const x = n.input(0), [N] = n.ranked(x, 2) as [number, number];
  const [F, M] = n.ranked(n.stored(2), 2, "time weights") as [number, number];
  if (rank < 1 || F % rank || M < 1) n.damaged(`${F} filters do not divide into ranks of ${rank}`);
  const frames = shifted(n, x, N, F, M, isHybrid ? hybrid(asymmetric) : {});
  if (isHybrid) return inOrder(n, frames, rank, clampOf(n, activation));
  const w = n.transpose(n.reshape(n.input(2), [F / rank, rank, M, 1]), [0, 2, 3, 1]);
  const y = quantizationOf(n.target());
  const window = { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: F / rank, clamp: y ? noClamp : clampOf(n, activation) };
  const inputs = n.has(3) ? [frames, w, bias(n, 3, F / rank)] : [frames, w];
  const sums = n.graph.add("conv2d", inputs, window, [], y && { dtype: dtypeOf(n.target()), quantization: y });
  n.emit("reshape", [sums], { shape: [N, F / rank] });
}

/** Of hybrid layers: TFLite's sums in float32, over time, over the ranks, and the bias. */
function inOrder(n: TfliteNode, frames: string, rank: number, clamp: Clamp): void {
  const [N, M, , F] = n.shape(frames) as [number, number, number, number], U = F / rank, w = n.reshape(n.transpose(n.real(2), [1, 0]), [1, M, 1, F]);
  const parts = n.reshape(n.step("reduceSum", [n.step("mul", [frames, w], { clamp: noClamp })], { axes: [1], keepDims: false }), [N, U, rank]);
  const part = (r: number) => n.reshape(n.move("slice", [parts], { starts: [0, 0, r], steps: [1, 1, 1], sizes: [N, U, 1] }), [N, U]);
  const all = [...Array.from({ length: rank }, (_, r) => part(r)), ...(n.has(3) ? [bias(n, 3, U)] : [])], sum = all.reduce((a, b) => n.step("add", [a, b], { clamp: noClamp }));
  n.emit("clip", [sum], { alpha: clamp[0], beta: clamp[1] });
}

/** The state with this frame's filters behind the M − 1 before; it is what the next run starts from. */
function shifted(n: TfliteNode, x: string, N: number, F: number, M: number, hybrid: { hybrid?: Hybrid }): string {
  const quantized = n.dtype(x) !== "float32", variable = n.source(4);
  const dtype = quantized ? dtypeOf(variable) : "float32", quantization = quantized ? quantizationOf(variable) : undefined;
  const like = quantization && { dtype, quantization };
  const state = stateTensor(n.scope, variable.name || "state", dtype, [N, M, 1, F], quantization);
  const filters = n.graph.add("dense", [x, "hybrid" in hybrid ? n.stored(1) : n.input(1)], { clamp: noClamp, ...hybrid }, [], like);
  const frame = n.reshape(filters, [N, 1, 1, F]);
  const frames = M === 1 ? frame : joined(n, state, frame, quantization);
  carry(n.scope, state, frames);
  return frames;
}

function joined(n: TfliteNode, state: string, frame: string, quantization?: Quantization): string {
  const [N, M, , F] = tensorOf(n.graph.graph, state).shape as [number, number, number, number];
  const kept = n.move("slice", [state], { starts: [0, 1, 0, 0], steps: [1, 1, 1, 1], sizes: [N, M - 1, 1, F] });
  return n.step("concat", [kept, frame], { axis: 1 }, quantization);
}
