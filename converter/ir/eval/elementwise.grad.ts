/** accumulate and clampGrad. */
import type { TrainAttributes } from "../ops.train.ts";
import type { Value } from "./value.ts";

/** y = acc + g */
export function accumulate(_: unknown, [acc, g]: Value[], [y]: Value[]): void {
  for (let i = 0; i < y!.data.length; i++) y!.data[i] = acc!.data[i]! + g!.data[i]!;
}

/** dx = min < v < max ? dy : 0 */
export function clampGrad({ min, max }: TrainAttributes["clampGrad"], [v, dy]: Value[], [dx]: Value[]): void {
  for (let i = 0; i < dx!.data.length; i++) dx!.data[i] = min < v!.data[i]! && v!.data[i]! < max ? dy!.data[i]! : 0;
}
