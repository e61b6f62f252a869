import { clamp, plus, times } from "../lanes";

/** clamp(g · factor, ±limit) + decay · w: what every optimizer takes for the gradient. */
// @ts-ignore: decorator
@inline
export function clipped(g: Lane, w: Lane, factor: Lane, least: Lane, most: Lane, decay: Lane): Lane {
  return plus(clamp(times(g, factor), least, most), times(decay, w));
}
