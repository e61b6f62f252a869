import { REFUSED, reads, sizes, writes } from "../check";
import { position } from "./gather";
import { sumRow } from "./rows.f32";

/** Parameters of gatherGrad, written by converter/lower/gather.grad.ts. */
@unmanaged
export class GatherGrad {
  acc: usize; i: usize; dy: usize;
  V: i32; count: i32; E: i32;
}

export function checkGatherGrad(p: GatherGrad): f64 {
  if (!sizes(p.V, p.count, p.E)) return REFUSED;
  const V = <f64>p.V, count = <f64>p.count, E = <f64>p.E;
  return writes(p.acc, 4 * V * E) && reads(p.i, 4 * count) && reads(p.dy, 4 * count * E) ? count * (E + 8) : REFUSED;
}

/**
 * Gradient of gather along axis 0: acc[i[j]] += dy[j], j ascending.
 * acc f32 [V,E] · i f32 [count], bounded, negative ones from the end · dy f32 [count,E]. Checked at load by checkGatherGrad.
 */
export function gatherGrad(p: GatherGrad, part: i32, parts: i32): void {
  const row = <usize>p.E << 2;
  if (part) return;
  for (let j = 0; j < p.count; j++) {
    const to = p.acc + row * position(p.i + (<usize>j << 2), p.V);
    sumRow(to, p.dy + row * j, to, p.E);
  }
}
