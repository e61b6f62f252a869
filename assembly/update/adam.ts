/** torch.optim.Adam and AdamW: adamw is adam without decay in g', and with w · (1 − rate · decay) before the step. */
import { LANES, at, lane, minus, over, plus, put, root, times } from "../lanes";
import { clipped } from "./gradient";
import { Hyper } from "./hyper";
import { Optimize } from "./optimize";

/**
 * m = β1 · m + (1 − β1) · g', v = β2 · v + (1 − β2) · g'²
 * w = kept · w − rate / (1 − β1^t) · m / (√v / √(1 − β2^t) + epsilon)
 */
export function adam(p: Optimize, h: Hyper, factor: f32, limit: f32, decay: f32, kept: f32): void {
  const f = lane(factor), least = lane(-limit), most = lane(limit), d = lane(decay), keep = lane(kept), zero = lane(0), epsilon = lane(h.epsilon);
  const beta1 = lane(h.momentum), rest1 = lane(1 - h.momentum), beta2 = lane(h.beta2), rest2 = lane(1 - h.beta2);
  const step = lane(<f32>(<f64>h.learningRate / (1 - h.beta1Power))), bias = lane(<f32>sqrt(1 - h.beta2Power));
  for (let i = 0; i < p.n; i += LANES) {
    const w = at(p.w, i), g = clipped(at(p.g, i), w, f, least, most, d);
    const m = plus(times(beta1, at(p.m, i)), times(rest1, g)), v = plus(times(beta2, at(p.v, i)), times(rest2, times(g, g)));
    put(p.m, i, m);
    put(p.v, i, v);
    put(p.w, i, minus(times(keep, w), over(times(step, m), plus(over(root(v), bias), epsilon))));
    put(p.g, i, zero);
  }
}
