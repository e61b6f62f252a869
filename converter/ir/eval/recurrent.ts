/**
 * lstm, gru and rnn by ONNX's equations; x [T,N,I], state [N,H] per direction, everything in float32 with sums in double.
 * Where y is quantized, the products of a step see the previous hidden state as y holds it.
 * `lengths`: a sample's steps from its length on give y = 0 and leave its state; the reverse direction starts at its end.
 */
import type { OpAttributes, RecurrentActivation } from "../ops.ts";
import { gemm, startRows } from "./gemm.ts";
import { unaryScalar } from "./math.ts";
import { floats, type Value } from "./value.ts";

type F = (x: number) => number;
const functionOf = ({ fn, alpha, beta }: RecurrentActivation): F => {
  const f = unaryScalar[fn];
  return (x) => f(x, alpha, beta);
};
const clipper = (clip: number): F => (clip > 0 && clip < Infinity ? (x) => Math.min(clip, Math.max(-clip, x)) : (x) => x);

/** One direction: its slices of the parameters and the activations that belong to it. */
interface Direction {
  index: number; reverse: boolean; T: number; N: number; I: number; H: number; D: number;
  /** w · x + b for every step, [T,N,gates·H]. */
  gates: Float32Array;
  r: Float32Array;
  functions: F[];
  clip: F;
  lengths: ArrayLike<number> | undefined;
}
type Common = Pick<OpAttributes["rnn"], "direction" | "hidden" | "activations" | "clip">;

/** State and outputs of one direction; `h` is read and written in place. */
type Step = (gates: Float32Array, at: number, n: number) => void;

function directions(a: Common, x: Value, w: Value, r: Value, bias: (d: number) => Float32Array | undefined, lengths: Value | undefined): Direction[] {
  const [T, N, I] = x.shape as [number, number, number], H = a.hidden, D = a.direction === "bidirectional" ? 2 : 1, G = w.shape[1]!;
  const input = floats(x), weights = floats(w), recurrence = floats(r), functions = a.activations.map(functionOf);
  return Array.from({ length: D }, (_, index) => {
    const gates = new Float32Array(T * N * G), perDirection = functions.length / D;
    startRows(gates, T * N, G, bias(index));
    gemm({ data: input, offset: 0 }, { data: weights, offset: index * G * I }, { data: gates, offset: 0 }, T * N, G, I);
    return {
      index, reverse: index === 1 || a.direction === "reverse", T, N, I, H, D, gates, lengths: lengths?.data, clip: clipper(a.clip),
      r: recurrence.subarray(index * G * H, (index + 1) * G * H), functions: functions.slice(index * perDirection, (index + 1) * perDirection),
    };
  });
}

const slice = (v: Value | undefined, d: number, D: number): Float32Array | undefined =>
  v && floats(v).subarray((v.data.length / D) * d, (v.data.length / D) * (d + 1));

/** A state [N,H] of direction d, zeros where the model gives none. */
const stateOf = (v: Value | undefined, d: Direction): Float32Array => Float32Array.from(slice(v, d.index, d.D) ?? new Float32Array(d.N * d.H));

/** Runs `step` over time in the order of the direction and writes h into y [T,D,N,H]. */
function unroll(d: Direction, h: Float32Array, y: Value | undefined, step: Step): void {
  const G = d.gates.length / (d.T * d.N || 1);
  for (let s = 0; s < d.T; s++) {
    for (let n = 0; n < d.N; n++) {
      const length = d.lengths?.[n] ?? d.T, t = d.reverse ? length - 1 - s : s;
      if (s >= length) continue;
      step(d.gates, (t * d.N + n) * G, n);
      y?.data.set(h.subarray(n * d.H, (n + 1) * d.H), ((t * d.D + d.index) * d.N + n) * d.H);
    }
  }
}

const finish = (d: Direction, state: Float32Array, out: Value | undefined): void => out?.data.set(state, d.index * d.N * d.H);

/** The hidden state of sample n (at s) as the products read it. */
const read = (h: Float32Array, s: number, H: number, y: Value | undefined) => (y?.snap ? { data: y.snap(h.subarray(s, s + H)), offset: 0 } : { data: h, offset: s });

/** i,f,o = f(gate + peephole · c); g = g(gate); c' = f · c + i · g, bounded by cellClip; h' = o · h(c'). Peephole order i, o, f. */
export function lstm(a: OpAttributes["lstm"], [x, w, r, b, h0, c0, peephole, lengths]: Value[], [y, hn, cn]: Value[]): void {
  const D = w!.shape[0]!, bounded = clipper(a.cellClip ?? 0);
  for (const d of directions(a, x!, w!, r!, (i) => slice(b, i, D), lengths)) {
    const h = stateOf(h0, d), c = stateOf(c0, d), p = slice(peephole, d.index, D) ?? new Float32Array(3 * d.H);
    unroll(d, h, y, (gates, at, n) => {
      gemm(read(h, n * d.H, d.H, y), { data: d.r, offset: 0 }, { data: gates, offset: at }, 1, 4 * d.H, d.H);
      lstmCell(d, gates, at, h, c, n * d.H, p, a.inputForget, bounded);
    });
    finish(d, h, hn);
    finish(d, c, cn);
  }
}

function lstmCell(d: Direction, gates: Float32Array, at: number, h: Float32Array, c: Float32Array, s: number, p: Float32Array, inputForget: boolean, bounded: F): void {
  const { H, clip } = d, [gate, cell, hidden] = d.functions as [F, F, F];
  for (let j = 0; j < H; j++) {
    const before = c[s + j]!;
    const i = gate(clip(gates[at + j]! + p[j]! * before));
    const f = inputForget ? 1 - i : gate(clip(gates[at + H + j]! + p[2 * H + j]! * before));
    const g = cell(clip(gates[at + 2 * H + j]!));
    const after = bounded(f * before + i * g);
    const o = gate(clip(gates[at + 3 * H + j]! + p[H + j]! * after));
    c[s + j] = after;
    h[s + j] = o * hidden(after);
  }
}

/**
 * z,r = f(w·x + wb + r·h + rb); candidate n = g(w·x + wb + rh·(r ∘ h) + rb), or with `linearBeforeReset`
 * g(w·x + wb + r ∘ (rh·h + rb)); h' = (1 − z) ∘ n + z ∘ h.
 */
export function gru(a: OpAttributes["gru"], [x, w, r, b, h0, lengths]: Value[], [y, hn]: Value[]): void {
  const D = w!.shape[0]!, H = a.hidden;
  for (const d of directions(a, x!, w!, r!, (i) => slice(b, i, D)?.subarray(0, 3 * H), lengths)) {
    const h = stateOf(h0, d), rb = slice(b, d.index, D)?.subarray(3 * H) ?? new Float32Array(3 * H);
    const sums = new Float32Array(3 * H), reset = new Float32Array(H);
    unroll(d, h, y, (gates, at, n) => gruCell(d, gates, at, h, n * H, rb, sums, reset, a.linearBeforeReset, y));
    finish(d, h, hn);
  }
}

function gruCell(d: Direction, gates: Float32Array, at: number, h: Float32Array, s: number, rb: Float32Array, sums: Float32Array, reset: Float32Array, linear: boolean, y: Value | undefined): void {
  const { H, clip } = d, [gate, candidate] = d.functions as [F, F], r = { data: d.r, offset: 0 }, candidateRows = { data: d.r, offset: 2 * H * H };
  sums.set(rb);
  gemm(read(h, s, H, y), r, { data: sums, offset: 0 }, 1, linear ? 3 * H : 2 * H, H);
  for (let j = 0; j < H; j++) reset[j] = gate(clip(gates[at + H + j]! + sums[H + j]!));
  if (linear) for (let j = 0; j < H; j++) sums[2 * H + j]! *= reset[j]!;
  else {
    for (let j = 0; j < H; j++) reset[j]! *= h[s + j]!;
    gemm(read(reset, 0, H, y), candidateRows, { data: sums, offset: 2 * H }, 1, H, H);
  }
  for (let j = 0; j < H; j++) {
    const z = gate(clip(gates[at + j]! + sums[j]!)), n = candidate(clip(gates[at + 2 * H + j]! + sums[2 * H + j]!));
    h[s + j] = (1 - z) * n + z * h[s + j]!;
  }
}

/** h' = f(w·x + b + r·h) */
export function rnn(a: OpAttributes["rnn"], [x, w, r, b, h0, lengths]: Value[], [y, hn]: Value[]): void {
  const D = w!.shape[0]!;
  for (const d of directions(a, x!, w!, r!, (i) => slice(b, i, D), lengths)) {
    const h = stateOf(h0, d), f = d.functions[0]!;
    unroll(d, h, y, (gates, at, n) => {
      gemm(read(h, n * d.H, d.H, y), { data: d.r, offset: 0 }, { data: gates, offset: at }, 1, d.H, d.H);
      for (let j = 0; j < d.H; j++) h[n * d.H + j] = f(d.clip(gates[at + j]!));
    });
    finish(d, h, hn);
  }
}
