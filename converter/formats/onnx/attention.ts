/** Attention over heads [N,H,L,D], with masks, caches, grouped heads and windows; rotary embeddings; linear attention. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { allocate } from "../../ir/graph.ts";
import type { Operators, OnnxNode } from "./node.ts";
import {
  add, affine, binary, bounded, cast, concat, constant, dtypeOf, expand, matmul, misfit, mul, range, rankOf, reduce, reshape, scalar, sliceAxis,
  sub, toFloat, transpose, unary, where,
} from "./write.ts";

/** [N,L,H·D] → [N,H,L,D]; rank 4 is in heads already. */
function inHeads(g: GraphBuilder, x: string, heads: number): string {
  if (rankOf(g, x) === 4) return x;
  const [N, L, width] = g.shape(x) as [number, number, number];
  if (!(heads >= 1) || width % heads) misfit(g, `${width} columns do not split into ${heads} heads`);
  return transpose(g, reshape(g, x, [N, L, heads, width / heads]), [0, 2, 1, 3]);
}

/** [N,H,L,D] → [N,L,H·D] */
function joined(g: GraphBuilder, x: string): string {
  const [N, H, L, D] = g.shape(x) as [number, number, number, number];
  return reshape(g, transpose(g, x, [0, 2, 1, 3]), [N, L, H * D]);
}

/** Heads of keys and values serve several heads of queries: h0 h0 h1 h1 … */
function repeated(g: GraphBuilder, x: string, heads: number): string {
  const [N, H, L, D] = g.shape(x) as [number, number, number, number];
  if (heads === H) return x;
  if (heads % H) misfit(g, `${heads} heads of queries do not share ${H} heads of keys`);
  return reshape(g, expand(g, reshape(g, x, [N, H, 1, L, D]), [N, H, heads / H, L, D]), [N, heads, L, D]);
}

function attention(n: OnnxNode, g: GraphBuilder): string[] {
  const flat = rankOf(g, n.input(0)) === 3, q = inHeads(g, n.input(0), n.int("q_num_heads", 0)), kv = n.int("kv_num_heads", 0);
  const cached = (i: number, past: number) => (n.optional(past) ? concat(g, [n.input(past), inHeads(g, n.input(i), kv)], 2) : inHeads(g, n.input(i), kv));
  const key = cached(1, 4), value = cached(2, 5), [, heads, L, D] = g.shape(q) as [number, number, number, number], S = g.shape(key)[2]!;
  const k = repeated(g, key, heads), v = repeated(g, value, heads), root = Math.sqrt(n.has("scale") ? n.float("scale") : 1 / Math.sqrt(D));
  const scores = matmul(g, affine(g, q, root, 0), transpose(g, affine(g, k, root, 0), [0, 1, 3, 2]));
  const capped = softcap(g, scores, n.float("softcap", 0));
  const bias = biasOf(n, g, L, S, n.optional(4) ? g.shape(n.input(4))[2]! : 0), masked = bias ? add(g, capped, bias) : capped;
  const probability = bias ? maskedSoftmax(g, masked, bias) : g.add("softmax", [masked], { axis: 3 }), y = matmul(g, probability, v);
  const seen = [scores, capped, masked, probability][n.int("qk_matmul_output_mode", 0)];
  return [flat ? joined(g, y) : y, key, value, seen ?? ""];
}

const softcap = (g: GraphBuilder, x: string, cap: number): string => (cap > 0 ? affine(g, unary(g, "tanh", affine(g, x, 1 / cap, 0)), cap, 0) : x);

/** A row with nothing to attend to has probability 0 everywhere. */
function maskedSoftmax(g: GraphBuilder, masked: string, bias: string): string {
  const empty = binary(g, "equal", reduce(g, "reduceMax", bias, [rankOf(g, bias) - 1], true), scalar(g, -Infinity));
  const safe = where(g, empty, scalar(g, 0), masked);
  return where(g, empty, scalar(g, 0), g.add("softmax", [safe], { axis: 3 }));
}

/** What is added to the scores [N,H,L,S]: the given mask, causality, a sliding window, the padding behind each sequence. */
function biasOf(n: OnnxNode, g: GraphBuilder, L: number, S: number, past: number): string {
  const parts: string[] = [], lengths = n.optional(6) && reshape(g, cast(g, n.optional(6), "int64"), [g.shape(n.optional(6))[0]!, 1, 1, 1]);
  if (n.optional(3)) parts.push(givenMask(g, n.input(3), S));
  const offset = lengths && !n.optional(4) ? affine(g, lengths, 1, -L) : scalar(g, past, "int64");
  const rows = add(g, constant(g, "rows", "int64", range(bounded(g, L, "the queries")), [L, 1]), offset);
  const columns = constant(g, "columns", "int64", range(bounded(g, S, "the keys")), [1, S]);
  const allow = (condition: string) => parts.push(asBias(g, condition));
  const left = n.int("left_window_size", -1), right = n.int("right_window_size", -1);
  if (n.int("is_causal", 0)) allow(binary(g, "lessOrEqual", columns, rows));
  if (left >= 0) allow(binary(g, "lessOrEqual", sub(g, rows, columns), scalar(g, left, "int64")));
  if (right >= 0) allow(binary(g, "lessOrEqual", sub(g, columns, rows), scalar(g, right, "int64")));
  if (lengths) allow(binary(g, "less", columns, lengths));
  return parts.length ? parts.reduce((a, b) => add(g, a, b)) : "";
}

/** True → 0, false → −∞ */
const asBias = (g: GraphBuilder, condition: string): string => where(g, condition, scalar(g, 0), scalar(g, -Infinity));

/** A mask that is shorter than the keys forbids the rest. */
function givenMask(g: GraphBuilder, mask: string, S: number): string {
  const bias = dtypeOf(g, mask) === "bool" ? asBias(g, mask) : toFloat(g, mask), shape = g.shape(bias), missing = S - shape.at(-1)!;
  if (missing <= 0) return bias;
  return g.add("pad", [bias], { before: shape.map(() => 0), after: shape.map((_, a) => (a === shape.length - 1 ? missing : 0)), mode: "constant", value: -Infinity });
}

/** Rotates pairs of columns by angles of their position: [N,H,L,D] or [N,L,H·D]. */
function rotaryEmbedding(n: OnnxNode, g: GraphBuilder, positions = n.optional(3), cos = n.input(1), sin = n.input(2)): string {
  const flat = rankOf(g, n.input(0)) === 3, x = inHeads(g, n.input(0), flat ? n.int("num_heads", 0) : 1), D = g.shape(x)[3]!;
  const width = n.int("rotary_embedding_dim", 0) || D, half = width / 2, interleaved = n.int("interleaved", 0) !== 0;
  const angles = (cache: string) => {
    const rows = positions ? g.add("gather", [cache, positions], { axis: 0 }) : cache, shape = g.shape(rows);
    return reshape(g, rows, [...(shape.length === 3 ? [shape[0]!, 1] : []), ...shape.slice(-2)]);
  };
  const part = (i: number) => (interleaved ? sliceAxis(g, x, 3, i, half, 2) : sliceAxis(g, x, 3, i * half, half));
  const [a, b, c, s] = [part(0), part(1), angles(cos), angles(sin)];
  const real = sub(g, mul(g, c, a), mul(g, s, b)), imaginary = add(g, mul(g, s, a), mul(g, c, b));
  const turned = interleaved ? interleave(g, real, imaginary) : concat(g, [real, imaginary], 3);
  const y = width === D ? turned : concat(g, [turned, sliceAxis(g, x, 3, width, D - width)], 3);
  return flat ? joined(g, y) : y;
}

function interleave(g: GraphBuilder, a: string, b: string): string {
  const shape = g.shape(a), column = (x: string) => reshape(g, x, [...shape, 1]);
  return reshape(g, concat(g, [column(a), column(b)], shape.length), [...shape.slice(0, -1), shape.at(-1)! * 2]);
}

/** S' = decay · S + k ⊗ v, y = scale · q · S', step by step; the delta rule writes β · (v − k · S) in place of v. */
function linearAttention(n: OnnxNode, g: GraphBuilder): string[] {
  const heads = n.int("q_num_heads"), kv = n.int("kv_num_heads"), rule = n.string("update_rule", "gated_delta");
  const q = inHeads(g, n.input(0), heads), k = inHeads(g, n.input(1), kv), v = inHeads(g, n.input(2), kv);
  const [N, , T, D] = g.shape(q) as [number, number, number, number], V = g.shape(v)[3]!;
  if (T > 4096) g.fail(`it has ${T} steps, expected 4096 or less`);
  const decay = rule.startsWith("gated") ? unary(g, "exp", inHeads(g, n.input(4), kv)) : "";
  const beta = rule.endsWith("delta") ? inHeads(g, n.input(5), g.shape(n.input(5))[2]!) : "";
  const scale = n.float("scale", 0) || 1 / Math.sqrt(D), at = (x: string, t: number) => sliceAxis(g, x, 2, t, 1);
  const column = (x: string) => transpose(g, x, [0, 1, 3, 2]);
  let state = n.optional(3) ? toFloat(g, n.input(3)) : constant(g, "state", "float32", allocate("float32", bounded(g, N * kv * D * V, "the state")), [N, kv, D, V]);
  const outputs = range(T).map((t) => {
    const key = at(k, t), kept = decay ? mul(g, state, column(at(decay, t))) : state;
    const written = beta ? mul(g, at(beta, t), sub(g, at(v, t), matmul(g, key, kept))) : at(v, t);
    state = add(g, kept, matmul(g, column(key), written));
    return affine(g, matmul(g, at(q, t), repeated(g, state, heads)), scale, 0);
  });
  return [joined(g, concat(g, outputs, 2)), state];
}

export const attending: Operators = { Attention: attention, RotaryEmbedding: (n, g) => rotaryEmbedding(n, g), LinearAttention: linearAttention };
