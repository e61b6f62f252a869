/** torch.optim.SGD, with and without momentum. */
import { LANES, at, lane, minus, plus, put, times } from "../lanes";
import { clipped } from "./gradient";
import { Optimize } from "./optimize";

/** w −= rate · g' */
export function sgd(p: Optimize, factor: f32, limit: f32, decay: f32, rate: f32): void {
  const f = lane(factor), least = lane(-limit), most = lane(limit), d = lane(decay), step = lane(rate), zero = lane(0);
  for (let i = 0; i < p.n; i += LANES) {
    const w = at(p.w, i);
    put(p.w, i, minus(w, times(step, clipped(at(p.g, i), w, f, least, most, d))));
    put(p.g, i, zero);
  }
}

/** m = momentum · m + share · g', w −= rate · m, or with Nesterov's look ahead w −= rate · (g' + momentum · m) */
export function momentum(p: Optimize, factor: f32, limit: f32, decay: f32, rate: f32, kept: f32, share: f32, ahead: bool): void {
  const f = lane(factor), least = lane(-limit), most = lane(limit), d = lane(decay), step = lane(rate), keep = lane(kept), part = lane(share), zero = lane(0);
  const own = lane(ahead ? 1 : 0), past = lane(ahead ? kept : 1);
  for (let i = 0; i < p.n; i += LANES) {
    const w = at(p.w, i), g = clipped(at(p.g, i), w, f, least, most, d), m = plus(times(keep, at(p.m, i)), times(part, g));
    put(p.m, i, m);
    put(p.w, i, minus(w, times(step, plus(times(own, g), times(past, m)))));
    put(p.g, i, zero);
  }
}
