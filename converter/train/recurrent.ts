/**
 * Recurrent layers as training has them, one direction at a time: y = forward(x · wᵀ + b, r). The reverse direction reads
 * and writes time backwards.
 */
import { isQuantized } from "../ir/eval/quantize.ts";
import { tensorOf, type Graph, type Node } from "../ir/graph.ts";
import { noClamp, type RecurrentActivation } from "../ir/ops.ts";
import { realOf, type TwinWriter } from "./twin.ts";

type RecurrentNode = Node<"lstm"> | Node<"gru"> | Node<"rnn">;
interface Direction { node: RecurrentNode; twin: TwinWriter; d: number; D: number; G: number; H: number; T: number; reverse: boolean }

export const gateCount = { lstm: 4, gru: 3, rnn: 1 } as const;

export function unrolled(node: RecurrentNode, twin: TwinWriter): void {
  const { direction, hidden: H } = node.attributes, D = direction === "bidirectional" ? 2 : 1, [T] = tensorOf(twin.source, node.inputs[0]!).shape as [number];
  const sides = Array.from({ length: D }, (_, d) => forward({ node, twin, d, D, G: gateCount[node.op], H, T, reverse: d === 1 || direction === "reverse" }));
  const [y, h, c] = node.outputs, { b } = twin;
  if (y) joined(twin, sides.map((s) => b.add("transpose", [b.add("reshape", [s.y], { shape: [T, 1, 1, H] })], { perm: [0, 2, 1, 3] })), 1, y);
  if (h) joined(twin, sides.map((s) => b.add("transpose", [b.add("reshape", [s.last], { shape: [1, 1, H] })], { perm: [1, 0, 2] })), 0, h);
  if (c) joined(twin, sides.map((s) => s.cell!), 0, c);
}

function joined(twin: TwinWriter, parts: string[], axis: number, y: string): void {
  if (parts.length > 1) twin.b.add("concat", parts, { axis }, [y]);
  else twin.names.set(y, parts[0]!);
}

/** [T,N,H] → [1,N,H] */
function step(twin: TwinWriter, y: string, t: number): string {
  const [, N, H] = twin.b.shape(y) as [number, number, number];
  return twin.b.add("slice", [y], { starts: [t, 0, 0], steps: [1, 1, 1], sizes: [1, N, H] });
}

/** `y` in the order of time; `last` [N,H] is the state after the last step, `cell` of an LSTM [1,N,H]. */
interface Side { y: string; last: string; cell?: string }

function forward(side: Direction): Side {
  const { node, twin, d, G, H, reverse } = side, { b } = twin, x = reversed(side, twin.read(node.inputs[0]!), reverse);
  const gates = b.add("dense", [x, weights(side, 1, "weight"), inputBias(side, G)], { clamp: noClamp }), r = weights(side, 2, "recurrent"), h0 = state(side, 4);
  const hidden = node.outputs[0] ? tensorOf(twin.source, node.outputs[0]) : undefined, q = hidden && isQuantized(hidden) ? hidden.quantization : undefined;
  const common = { hidden: H, ...(q && { quantization: { scale: q.scale[0]!, zeroPoint: q.zeroPoint[0]! } }) }, name = (part: string) => `${node.name} ${part} ${d}`;
  const y = name("y"), last = name("last");
  if (node.op === "lstm") {
    b.add("lstmForward", trimmed([gates, r, h0, state(side, 5)]), common, [y, name("gates"), name("c"), last]);
    return { y: reversed(side, y, reverse), last, cell: step(twin, name("c"), side.T - 1) };
  }
  if (node.op === "gru") b.add("gruForward", trimmed([gates, r, bias(side, 3, 3, "recurrentBias"), h0]), { ...common, linearBeforeReset: node.attributes.linearBeforeReset }, [y, name("gates"), name("inner"), last, name("h")]);
  else b.add("rnnForward", trimmed([gates, r, h0]), { ...common, activation: node.attributes.activations[d]!.fn === "tanh" ? "tanh" : "relu" }, [y, last, name("h")]);
  return { y: reversed(side, y, reverse), last };
}

const trimmed = (inputs: (string | undefined)[]): string[] => inputs.slice(0, inputs.findLastIndex(Boolean) + 1).map((i) => i ?? "");

function reversed({ twin, T }: Direction, x: string, reverse: boolean): string {
  const [, N, C] = twin.b.shape(x) as [number, number, number];
  return reverse ? twin.b.add("slice", [x], { starts: [T - 1, 0, 0], steps: [-1, 1, 1], sizes: [T, N, C] }) : x;
}

/** Rows of one direction: [G·H,K]. */
function weights({ node, twin, d, G, H }: Direction, input: 1 | 2, role: "weight" | "recurrent"): string {
  const tensor = tensorOf(twin.source, node.inputs[input]!), K = tensor.shape[2]!, rows = G * H;
  const scale = isQuantized(tensor) ? Float32Array.from({ length: rows }, (_, o) => tensor.quantization.scale[tensor.quantization.scale.length === 1 ? 0 : d * rows + o]!) : undefined;
  return twin.parameter(node.name, role, [rows, K], Float32Array.from(realOf(tensor).subarray(d * rows * K, (d + 1) * rows * K)), d, scale);
}

/** `count` gates of the bias [D,all·H] from gate `first` on; zeros where the layer has none. */
function bias({ node, twin, d, G, H }: Direction, first: number, count: number, role: "bias" | "recurrentBias"): string {
  const name = node.inputs[3], all = node.op === "gru" ? 6 : G, at = (d * all + first) * H;
  const value = name ? Float32Array.from(realOf(tensorOf(twin.source, name)).subarray(at, at + count * H)) : new Float32Array(count * H);
  return twin.parameter(node.name, role, [count * H], value, d);
}

/** PyTorch and ONNX have two biases where one would do: both learn, so their sum learns twice as fast. */
const twoBiases = new Set(["onnx", "pytorch"]);
export const hasSecondBias = (node: RecurrentNode, format: string): boolean => node.op !== "gru" && twoBiases.has(format);

function inputBias(side: Direction, G: number): string {
  const { node, twin, d, H } = side, own = bias(side, 0, G, "bias");
  if (!twin.trains(node.name, "bias") || !hasSecondBias(node, twin.source.format)) return own;
  return twin.b.add("add", [own, twin.parameter(node.name, "recurrentBias", [G * H], new Float32Array(G * H), d)], { clamp: noClamp });
}

/** Rows of an initial state [D,N,H] of this direction; absent where it is zero. */
function state({ node, twin, d, D, H }: Direction, input: 4 | 5): string | undefined {
  const name = node.inputs[input], data = name && tensorOf(twin.source, name).data;
  if (!name || (data && data.every((v) => v === 0))) return undefined;
  const from = twin.read(name), N = twin.b.shape(from)[1]!, own = D === 1 ? from : twin.b.add("slice", [from], { starts: [d, 0, 0], steps: [1, 1, 1], sizes: [1, N, H] });
  return twin.b.add("reshape", [own], { shape: [N, H] });
}

const standard = { lstm: ["sigmoid", "tanh", "tanh"], gru: ["sigmoid", "tanh"], rnn: ["tanh"] } as const;

/** Why the training operators do not compute this layer; undefined where they do. */
export function untrainable(node: RecurrentNode, graph: Graph): string | undefined {
  const { activations, clip } = node.attributes, fns = activations.map((a: RecurrentActivation) => a.fn), wanted = standard[node.op], [h0, c0] = [node.inputs[4], node.op === "lstm" ? node.inputs[5] : ""];
  const relu = (a: RecurrentActivation) => node.op === "rnn" && a.fn === "clip" && a.alpha === 0 && a.beta === Infinity;
  if (clip > 0 && clip < Infinity) return `clip is ${clip}, expected none`;
  if (node.inputs[node.op === "lstm" ? 7 : 5]) return "it has sequence lengths, expected none";
  if (node.op === "lstm" && (node.inputs[6] || node.attributes.inputForget || node.attributes.cellClip)) return "it has peepholes, a coupled input gate or a cell clip, expected none";
  if (activations.some((a, i) => a.fn !== wanted[i % wanted.length] && !relu(a))) return `activations are ${fns.join(", ")}, expected ${wanted.join(", ")}`;
  if ([h0, c0].some((s) => s && tensorOf(graph, s).data?.some((v) => v !== 0))) return "its initial state is a constant other than zero, expected zeros or an input";
  return undefined;
}
