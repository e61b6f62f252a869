/** dense and matmul, as ops.ts states them. */
import { sizeOf } from "../graph.ts";
import type { OpAttributes } from "../ops.ts";
import { clampAll } from "./clamp.ts";
import { gemm, startRows } from "./gemm.ts";
import { broadcastStrides, forRows, walkOver } from "./strides.ts";
import { floats, type Value } from "./value.ts";

/** y[n,o] = clamp(b[o] + Σi x[n,i] · w[o,i]) */
export function dense(a: OpAttributes["dense"], [x, w, b]: Value[], [y]: Value[]): void {
  const [O, I] = w!.shape as [number, number], rows = sizeOf(y!.shape) / O || 0, out = new Float32Array(rows * O);
  startRows(out, rows, O, b && floats(b));
  gemm({ data: floats(x!), offset: 0 }, { data: floats(w!), offset: 0 }, { data: out, offset: 0 }, rows, O, I);
  clampAll(out, a.clamp);
  y!.data.set(out);
}

/** y[…,m,n] = Σk a[…,m,k] · b[…,k,n] */
export function matmul(_: unknown, [a, b]: Value[], [y]: Value[]): void {
  const [M, N] = y!.shape.slice(-2) as [number, number], K = a!.shape.at(-1)!, lead = y!.shape.slice(0, -2);
  const out = new Float32Array(y!.data.length), left = floats(a!), right = floats(b!);
  const of = (v: Value) => broadcastStrides(v.shape.slice(0, -2), lead);
  const one = broadcastStrides(lead, lead);
  let transposed = new Float32Array(0), from = -1;
  const each = walkOver([...lead, 1], [[...one, 0], [...of(a!), 0], [...of(b!), 0]]);
  forRows({ shape: [...each.shape, 1], strides: each.strides.map((s) => [...s, 0]) }, ([iy, ia, ib]) => {
    if (from !== ib) transposed = transpose(right, ib! * K * N, K, N);
    from = ib!;
    gemm({ data: left, offset: ia! * M * K }, { data: transposed, offset: 0 }, { data: out, offset: iy! * M * N }, M, N, K);
  });
  y!.data.set(out);
}

/** [K,N] at `offset` → [N,K] */
function transpose(x: Float32Array, offset: number, K: number, N: number): Float32Array<ArrayBuffer> {
  const y = new Float32Array(N * K);
  for (let k = 0; k < K; k++) for (let n = 0; n < N; n++) y[n * K + k] = x[offset + k * N + n]!;
  return y;
}
