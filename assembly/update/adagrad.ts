/** torch.optim.Adagrad and RMSprop (neither centred nor with momentum): steps by the root of squares in slot m. */
import { LANES, at, lane, minus, over, plus, put, root, times } from "../lanes";
import { clipped } from "./gradient";
import { Optimize } from "./optimize";

/** m += g'², w −= rate · g' / (√m + epsilon) */
export function adagrad(p: Optimize, factor: f32, limit: f32, decay: f32, rate: f32, epsilon: f32): void {
  bySquares(p, factor, limit, decay, rate, 1, 1, epsilon);
}

/** m = alpha · m + (1 − alpha) · g'², w −= rate · g' / (√m + epsilon) */
export function rmsprop(p: Optimize, factor: f32, limit: f32, decay: f32, rate: f32, alpha: f32, epsilon: f32): void {
  bySquares(p, factor, limit, decay, rate, alpha, 1 - alpha, epsilon);
}

function bySquares(p: Optimize, factor: f32, limit: f32, decay: f32, rate: f32, kept: f32, share: f32, epsilon: f32): void {
  const f = lane(factor), least = lane(-limit), most = lane(limit), d = lane(decay), step = lane(rate), keep = lane(kept), part = lane(share), e = lane(epsilon), zero = lane(0);
  for (let i = 0; i < p.n; i += LANES) {
    const w = at(p.w, i), g = clipped(at(p.g, i), w, f, least, most, d), squares = plus(times(keep, at(p.m, i)), times(part, times(g, g)));
    put(p.m, i, squares);
    put(p.w, i, minus(w, over(times(step, g), plus(root(squares), e))));
    put(p.g, i, zero);
  }
}
