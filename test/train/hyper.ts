/** Hyperparameters as the kernel `optimize` reads them. */

export const optimizers = ["sgd", "momentum", "nesterov", "adam", "adamw", "adagrad", "rmsprop"];
export const slotsOf = (name: string): number => (name === "sgd" ? 0 : name.startsWith("adam") ? 2 : 1);

export interface Hyper { name: string; rate: number; decay?: number; clipNorm?: number; clipValue?: number; momentum?: number; betas?: number[]; alpha?: number; eps?: number; dampening?: number; steps?: number; beta1Power?: number; beta2Power?: number }

/** The struct Hyper of assembly/update/hyper.ts, as floats. */
export function hyperOf(h: Hyper): Float32Array {
  const view = new DataView(new ArrayBuffer(64));
  view.setInt32(0, optimizers.indexOf(h.name), true);
  const floats = [h.rate, h.momentum ?? h.betas?.[0] ?? 0, h.alpha ?? h.betas?.[1] ?? 0, h.eps ?? 0, h.decay ?? 0, h.clipNorm ?? 0, h.clipValue ?? 0];
  floats.forEach((v, i) => view.setFloat32(4 + 4 * i, v, true));
  view.setInt32(32, h.steps ?? 0, true);
  view.setFloat64(40, h.beta1Power ?? 0, true);
  view.setFloat64(48, h.beta2Power ?? 0, true);
  view.setFloat32(56, h.dampening ?? 0, true);
  return new Float32Array(view.buffer);
}
