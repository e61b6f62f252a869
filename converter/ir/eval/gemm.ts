/** The matrix product behind convolution, dense, matmul and the recurrent operators. */

/** A row-major matrix of float32 inside a larger array. */
export interface Matrix { data: Float32Array; offset: number }

/**
 * y[m,n] += Σk a[m,k] · w[n,k], sums in double.
 * a [M,K] · w [N,K] · y [M,·] with `stride` elements from row to row. Blocks of 4 × 2, then what is left in 1 × 4.
 */
export function gemm(a: Matrix, w: Matrix, y: Matrix, M: number, N: number, K: number, stride = N): void {
  const blocked = M - (M % 4);
  for (let m = 0; m < blocked; m += 4) fourRows(a.data, a.offset + m * K, w.data, w.offset, y.data, y.offset + m * stride, N, K, stride);
  for (let m = blocked; m < M; m++) oneRow(a.data, a.offset + m * K, w.data, w.offset, y.data, y.offset + m * stride, N, K);
}

function fourRows(a: Float32Array, a0: number, w: Float32Array, w0: number, y: Float32Array, y0: number, N: number, K: number, stride: number): void {
  const a1 = a0 + K, a2 = a1 + K, a3 = a2 + K, y1 = y0 + stride, y2 = y1 + stride, y3 = y2 + stride;
  for (let n = 0; n < N; n += 2) {
    const u = w0 + n * K, v = n + 1 < N ? u + K : u;          // w[n,:], w[n+1,:]
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0, t0 = 0, t1 = 0, t2 = 0, t3 = 0;
    for (let k = 0; k < K; k++) {
      const p = w[u + k]!, q = w[v + k]!, b0 = a[a0 + k]!, b1 = a[a1 + k]!, b2 = a[a2 + k]!, b3 = a[a3 + k]!;
      s0 += b0 * p; t0 += b0 * q;
      s1 += b1 * p; t1 += b1 * q;
      s2 += b2 * p; t2 += b2 * q;
      s3 += b3 * p; t3 += b3 * q;
    }
    y[y0 + n]! += s0; y[y1 + n]! += s1; y[y2 + n]! += s2; y[y3 + n]! += s3;
    if (v === u) return;
    y[y0 + n + 1]! += t0; y[y1 + n + 1]! += t1; y[y2 + n + 1]! += t2; y[y3 + n + 1]! += t3;
  }
}

function oneRow(a: Float32Array, a0: number, w: Float32Array, w0: number, y: Float32Array, y0: number, N: number, K: number): void {
  let n = 0;
  for (; n + 4 <= N; n += 4) {
    const u0 = w0 + n * K, u1 = u0 + K, u2 = u1 + K, u3 = u2 + K;
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (let k = 0; k < K; k++) {
      const b = a[a0 + k]!;
      s0 += b * w[u0 + k]!; s1 += b * w[u1 + k]!; s2 += b * w[u2 + k]!; s3 += b * w[u3 + k]!;
    }
    y[y0 + n]! += s0; y[y0 + n + 1]! += s1; y[y0 + n + 2]! += s2; y[y0 + n + 3]! += s3;
  }
  for (; n < N; n++) {
    let s = 0;
    for (let k = 0; k < K; k++) s += a[a0 + k]! * w[w0 + n * K + k]!;
    y[y0 + n]! += s;
  }
}

/** y[m,:] = b for every row, zeros without b. */
export function startRows(y: Float32Array, rows: number, N: number, b: Float32Array | undefined): void {
  if (b) for (let m = 0; m < rows; m++) y.set(b, m * N);
  else y.fill(0);
}
