/** Gradients of pools. */
import type { TrainAttributes } from "../ops.train.ts";
import { forWindows, padded } from "./pool.ts";
import { floats, type Value } from "./value.ts";

/** The first tap that equals y gets dy. */
export function maxPool2dGrad(a: TrainAttributes["maxPool2dGrad"], [x, y, dy]: Value[], [dx]: Value[]): void {
  const C = x!.shape[3]!, sums = new Float64Array(dx!.data.length);
  let places: number[] = [];
  forWindows(a, x!, y!, (from) => places.push(from), (to) => {
    for (let c = 0; c < C; c++) {
      const first = places.find((from) => x!.data[from + c] === y!.data[to + c]);
      if (first !== undefined) sums[first + c]! += dy!.data[to + c]!;
    }
    places = [];
  });
  dx!.data.set(sums);
}

/** Every tap inside x gets dy / count. */
export function averagePool2dGrad(a: TrainAttributes["averagePool2dGrad"], [dy]: Value[], [dx]: Value[]): void {
  const C = dx!.shape[3]!, sums = new Float64Array(dx!.data.length), gradient = floats(dy!);
  let places: number[] = [];
  forWindows(a, dx!, dy!, (from) => places.push(from), (to, taps, i, j) => {
    const count = a.countIncludePad ? padded(a, dx!.shape, i, j) : taps;
    for (const from of places) for (let c = 0; c < C; c++) sums[from + c]! += gradient[to + c]! / count;
    places = [];
  });
  dx!.data.set(sums);
}
