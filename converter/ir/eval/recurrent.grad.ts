/** Recurrent layers in training, as ops.recurrent.grad.ts states them: one sample after the other, everything in double. */
import type { RecurrentTrainAttributes } from "../ops.recurrent.grad.ts";
import { roundEven, type Value } from "./value.ts";

type Numbers = ArrayLike<number>;
type Quantized = RecurrentTrainAttributes["lstmForward"];
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
/** Derivatives by the value of the function. */
const slope = { sigmoid: (y: number) => y * (1 - y), tanh: (y: number) => 1 - y * y, relu: (y: number) => Number(y > 0) };

/** The integer that stands for h before it is clamped, rounded as kernels do in float32. */
const level = (h: number, { scale, zeroPoint }: NonNullable<Quantized["quantization"]>): number =>
  roundEven(Math.fround(Math.fround(h) * Math.fround(1 / scale))) + zeroPoint;

/** h as y and the products of the next step see it. */
const held = (h: number, { quantization: q }: Quantized): number => (q ? q.scale * (Math.min(127, Math.max(-128, level(h, q))) - q.zeroPoint) : h);
const passes = (h: number, { quantization: q }: Quantized): number => Number(!q || Math.abs(level(h, q) + 0.5) < 128);

/** Row `at` of rows of `size`; zeros where there is no tensor. */
const row = (v: Value | undefined, at: number, size: number): Float64Array =>
  v ? Float64Array.from({ length: size }, (_, j) => v.data[at * size + j]!) : new Float64Array(size);
const put = (v: Value | undefined, at: number, values: Numbers): void => v?.data.set(values as Float64Array, at * values.length);

/** R · h: rows [first, first + count) of R [·,H]. */
function times(r: Value, first: number, count: number, h: Numbers): Float64Array {
  return Float64Array.from({ length: count }, (_, o) => {
    let sum = 0;
    for (let k = 0; k < h.length; k++) sum += r.data[(first + o) * h.length + k]! * h[k]!;
    return sum;
  });
}

/** Rᵀ · d: the same rows. */
function timesTransposed(r: Value, first: number, d: Numbers, H: number): Float64Array {
  return Float64Array.from({ length: H }, (_, k) => {
    let sum = 0;
    for (let o = 0; o < d.length; o++) sum += r.data[(first + o) * H + k]! * d[o]!;
    return sum;
  });
}

export function lstmForward(a: RecurrentTrainAttributes["lstmForward"], [gates, r, h0, c0]: Value[], [y, act, c, hn]: Value[]): void {
  const [T, N] = gates!.shape as [number, number], H = a.hidden;
  for (let n = 0; n < N; n++) {
    let h = row(h0, n, H), cell = row(c0, n, H);
    for (let t = 0; t < T; t++) {
      const at = t * N + n, recurrent = times(r!, 0, 4 * H, h.map((v) => held(v, a))), x = row(gates, at, 4 * H);
      const z = x.map((v, o) => (o >= 2 * H && o < 3 * H ? Math.tanh : sigmoid)(v + recurrent[o]!));
      cell = cell.map((before, j) => z[H + j]! * before + z[j]! * z[2 * H + j]!);
      h = cell.map((v, j) => z[3 * H + j]! * Math.tanh(v));
      put(act, at, z);
      put(c, at, cell);
      put(y, at, h.map((v) => held(v, a)));
    }
    put(hn, n, h);
  }
}

export function lstmGrad(a: RecurrentTrainAttributes["lstmGrad"], [r, act, c, h0, c0, dy, dhn, dcn]: Value[], [dgates, dh0, dc0]: Value[]): void {
  const [T, N] = act!.shape as [number, number], H = a.hidden;
  for (let n = 0; n < N; n++) {
    let later: Float64Array = new Float64Array(H), final = row(dhn, n, H), dc = row(dcn, n, H);
    for (let t = T - 1; t >= 0; t--) {
      const at = t * N + n, z = row(act, at, 4 * H), cell = row(c, at, H), before = t ? row(c, at - N, H) : row(c0, n, H), d = new Float64Array(4 * H);
      const given = row(dy, at, H);
      for (let j = 0; j < H; j++) {
        const [i, f, g, o] = [z[j]!, z[H + j]!, z[2 * H + j]!, z[3 * H + j]!], tc = Math.tanh(cell[j]!);
        const dh = (given[j]! + later[j]!) * passes(o * tc, a) + final[j]!, dcell = dc[j]! + dh * o * slope.tanh(tc);
        d[j] = dcell * g * slope.sigmoid(i);
        d[H + j] = dcell * before[j]! * slope.sigmoid(f);
        d[2 * H + j] = dcell * i * slope.tanh(g);
        d[3 * H + j] = dh * tc * slope.sigmoid(o);
        dc[j] = dcell * f;
      }
      put(dgates, at, d);
      later = timesTransposed(r!, 0, d, H);
      final = new Float64Array(H);
    }
    put(dh0, n, startGrad(a, row(h0, n, H), later, final));
    put(dc0, n, dc);
  }
}

/** Through the rounding of h0, and past it. */
const startGrad = (a: Quantized, h0: Numbers, through: Float64Array, past: Numbers): Float64Array => through.map((d, j) => d * passes(h0[j]!, a) + past[j]!);

export function gruForward(a: RecurrentTrainAttributes["gruForward"], [gates, r, rb, h0]: Value[], [y, act, inner, hn, hidden]: Value[]): void {
  const [T, N] = gates!.shape as [number, number], H = a.hidden, bias = row(rb, 0, 3 * H);
  for (let n = 0; n < N; n++) {
    let h = row(h0, n, H);
    for (let t = 0; t < T; t++) {
      const at = t * N + n, x = row(gates, at, 3 * H), seen = h.map((v) => held(v, a));
      const z = times(r!, 0, 2 * H, seen).map((v, o) => sigmoid(x[o]! + v + bias[o]!)), reset = z.subarray(H);
      const product = (of: Numbers) => times(r!, 2 * H, H, of).map((v, j) => v + bias[2 * H + j]!);
      const part = a.linearBeforeReset ? product(seen) : h.map((v, j) => held(reset[j]! * v, a));
      const sums = a.linearBeforeReset ? part.map((v, j) => reset[j]! * v) : product(part);
      const candidate = sums.map((v, j) => Math.tanh(x[2 * H + j]! + v));
      h = h.map((v, j) => (1 - z[j]!) * candidate[j]! + z[j]! * v);
      put(act, at, [...z, ...candidate]);
      put(inner, at, part);
      put(hidden, at, h);
      put(y, at, h.map((v) => held(v, a)));
    }
    put(hn, n, h);
  }
}

export function gruGrad(a: RecurrentTrainAttributes["gruGrad"], [r, act, inner, hidden, h0, dy, dhn]: Value[], [dgates, dh0, dsums]: Value[]): void {
  const [T, N] = act!.shape as [number, number], H = a.hidden;
  for (let n = 0; n < N; n++) {
    let later: Float64Array = new Float64Array(H), past = row(dhn, n, H);
    for (let t = T - 1; t >= 0; t--) {
      const at = t * N + n, z = row(act, at, 3 * H), h = row(hidden, at, H), before = t ? row(hidden, at - N, H) : row(h0, n, H), given = row(dy, at, H);
      const dh = past.map((v, j) => v + (given[j]! + later[j]!) * passes(h[j]!, a)), d = new Float64Array(3 * H);
      for (let j = 0; j < H; j++) {
        d[j] = dh[j]! * (before[j]! - z[2 * H + j]!) * slope.sigmoid(z[j]!);
        d[2 * H + j] = dh[j]! * (1 - z[j]!) * slope.tanh(z[2 * H + j]!);
      }
      past = dh.map((v, j) => v * z[j]!);
      later = resetGrad(a, r!, d, z, before, row(inner, at, H), past);
      put(dgates, at, d);
      put(dsums, at, d.map((v, o) => (o < 2 * H ? v : v * z[o - H]!)));
    }
    put(dh0, n, startGrad(a, row(h0, n, H), later, past));
  }
}

/** Fills in the reset gate of d; returns the gradient of h[t−1] through the products, and adds to `past` what goes past its rounding. */
function resetGrad(a: RecurrentTrainAttributes["gruGrad"], r: Value, d: Float64Array, z: Float64Array, before: Numbers, inner: Numbers, past: Float64Array): Float64Array {
  const H = a.hidden, reset = z.subarray(H, 2 * H), candidate = d.subarray(2 * H);
  if (a.linearBeforeReset) {
    for (let j = 0; j < H; j++) d[H + j] = candidate[j]! * inner[j]! * slope.sigmoid(reset[j]!);
    return timesTransposed(r, 0, d.map((v, o) => (o < 2 * H ? v : v * reset[o - 2 * H]!)), H);
  }
  const product = timesTransposed(r, 2 * H, candidate, H);
  for (let j = 0; j < H; j++) {
    const through = product[j]! * passes(reset[j]! * before[j]!, a);
    d[H + j] = through * before[j]! * slope.sigmoid(reset[j]!);
    past[j]! += through * reset[j]!;
  }
  return timesTransposed(r, 0, d.subarray(0, 2 * H), H);
}

export function rnnForward(a: RecurrentTrainAttributes["rnnForward"], [gates, r, h0]: Value[], [y, hn, hidden]: Value[]): void {
  const [T, N] = gates!.shape as [number, number], H = a.hidden, f = a.activation === "tanh" ? Math.tanh : (x: number) => Math.max(0, x);
  for (let n = 0; n < N; n++) {
    let h = row(h0, n, H);
    for (let t = 0; t < T; t++) {
      const at = t * N + n, x = row(gates, at, H);
      h = times(r!, 0, H, h.map((v) => held(v, a))).map((v, j) => f(x[j]! + v));
      put(hidden, at, h);
      put(y, at, h.map((v) => held(v, a)));
    }
    put(hn, n, h);
  }
}

export function rnnGrad(a: RecurrentTrainAttributes["rnnGrad"], [r, hidden, h0, dy, dhn]: Value[], [dgates, dh0]: Value[]): void {
  const [T, N] = hidden!.shape as [number, number], H = a.hidden;
  for (let n = 0; n < N; n++) {
    let later: Float64Array = new Float64Array(H), final = row(dhn, n, H);
    for (let t = T - 1; t >= 0; t--) {
      const at = t * N + n, given = row(dy, at, H);
      const d = row(hidden, at, H).map((h, j) => ((given[j]! + later[j]!) * passes(h, a) + final[j]!) * slope[a.activation](h));
      put(dgates, at, d);
      later = timesTransposed(r!, 0, d, H);
      final = new Float64Array(H);
    }
    put(dh0, n, startGrad(a, row(h0, n, H), later, final));
  }
}
