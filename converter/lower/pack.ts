/** Weight packings: what a kernel reads with full vectors, made once here. The same for every build. */

/** [rows,K] float32 → [ceil(rows/8)][K][8], missing rows zero. */
export function packF32(w: ArrayLike<number>, rows: number, K: number): Float32Array {
  const packed = new Float32Array(Math.ceil(rows / 8) * K * 8);
  for (let o = 0; o < rows; o++) for (let k = 0; k < K; k++) packed[((o >> 3) * K + k) * 8 + (o & 7)] = w[o * K + k]!;
  return packed;
}

/** [rows,K] int8 → "c4": [ceil(rows/8)][ceil(K/4)][8][4], missing rows and columns zero. */
export function packI8(w: ArrayLike<number>, rows: number, K: number): Int8Array {
  const steps = Math.ceil(K / 4), packed = new Int8Array(Math.ceil(rows / 8) * steps * 32);
  for (let o = 0; o < rows; o++) for (let k = 0; k < K; k++) packed[((o >> 3) * steps + (k >> 2)) * 32 + (o & 7) * 4 + (k & 3)] = w[o * K + k]!;
  return packed;
}

/** `values` followed by `fill` up to a multiple of 8. */
export function pad8(values: ArrayLike<number>, fill = 0): number[] {
  return Array.from({ length: Math.ceil(values.length / 8) * 8 }, (_, i) => values[i] ?? fill);
}
