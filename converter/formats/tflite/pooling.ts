/** Pooling. Averages are over the part of a window that lies inside the picture. */
import { windowOf } from "./convolution.ts";
import { clampOf, type OperatorTable, type TfliteNode } from "./node.ts";
import { options } from "./schema.ts";

export const pools: OperatorTable = { AVERAGE_POOL_2D: average, MAX_POOL_2D: max, L2_POOL_2D: l2 };

function poolOf(n: TfliteNode, x: string) {
  const o = options.pool2d(n.operator);
  const [, H, W] = n.ranked(x, 4) as [number, number, number, number];
  const kernel: [number, number] = [o.filterH, o.filterW];
  return { ...windowOf(n, o, kernel, [H, W]), kernel, clamp: clampOf(n, o.activation) };
}

function average(n: TfliteNode): void {
  const x = n.input(0);
  n.emit("averagePool2d", [x], { ...poolOf(n, x), countIncludePad: false });
}

function max(n: TfliteNode): void {
  const x = n.input(0);
  n.emit("maxPool2d", [x], poolOf(n, x));
}

/** y = clamp(√ mean(x²)) */
function l2(n: TfliteNode): void {
  const x = n.real(0), { clamp, ...window } = poolOf(n, x);
  const squares = n.step("mul", [x, x], { clamp: [-Infinity, Infinity] });
  const mean = n.step("averagePool2d", [squares], { ...window, countIncludePad: false, clamp: [-Infinity, Infinity] });
  const root = n.step("sqrt", [mean], { alpha: 0, beta: 0 });
  n.emit("clip", [root], { alpha: clamp[0], beta: clamp[1] });
}
