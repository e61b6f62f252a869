/** Fast Fourier transform, radix 2: X[k] = Σ x[n] · e^(−2πi·kn / N), N a power of two; both arrays are overwritten. */
export function fourier(real: Float64Array, imaginary: Float64Array): void {
  const N = real.length;
  for (let i = 1, j = 0; i < N; i++) {
    for (let bit = N >> 1; (j ^= bit) < bit; bit >>= 1);
    if (i < j) [real[i], real[j], imaginary[i], imaginary[j]] = [real[j]!, real[i]!, imaginary[j]!, imaginary[i]!];
  }
  for (let span = 2; span <= N; span *= 2) for (let k = 0; k < span / 2; k++) {
    const angle = (-2 * Math.PI * k) / span, c = Math.cos(angle), s = Math.sin(angle);
    for (let at = k; at < N; at += span) {
      const other = at + span / 2, re = real[other]! * c - imaginary[other]! * s, im = real[other]! * s + imaginary[other]! * c;
      [real[other], imaginary[other]] = [real[at]! - re, imaginary[at]! - im];
      [real[at], imaginary[at]] = [real[at]! + re, imaginary[at]! + im];
    }
  }
}
