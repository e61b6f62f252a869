/** Learning-rate schedules: the fraction of the learning rate in force at a step. Only + − × ÷, so that every engine gives the same bytes. */

/** Where a fit stands: `step` of `steps` in all, in `epoch` of `epochs`; all from 0. */
export interface Moment { step: number; steps: number; epoch: number; epochs: number }
export type Schedule = (at: Moment) => number;

export const constant = (): Schedule => () => 1;

/** × factor after every `every` epochs. PyTorch: StepLR. */
export const stepDecay = ({ every, factor = 0.1 }: { every: number; factor?: number }): Schedule => ({ epoch }) => {
  let rate = 1;
  for (let n = Math.floor(epoch / every); n > 0; n--) rate *= factor;
  return rate;
};

/** 1 → floor in a straight line over all steps. */
export const linear = ({ floor = 0 }: { floor?: number } = {}): Schedule => ({ step, steps }) => 1 + (floor - 1) * (step / steps);

/** 1 → floor along half a cosine over all steps (Loshchilov and Hutter 2017). */
export const cosine = ({ floor = 0 }: { floor?: number } = {}): Schedule => ({ step, steps }) => floor + (1 - floor) * 0.5 * (1 + cosineOf(step / steps));

/** A straight line from 0 to 1 over the first `count` steps, then `after`, which sees the steps that are left. */
export const warmUp = (count: number, after: Schedule = constant()): Schedule => (at) =>
  at.step < count ? (at.step + 1) / count : after({ ...at, step: at.step - count, steps: Math.max(1, at.steps - count) });

/** cos(π t), t in 0 … 1: 1 − 2 sin²(π t / 2) with the sine's series to x^15, error below 1e-11. */
function cosineOf(t: number): number {
  const x = (Math.PI / 2) * t, square = x * x;
  let term = x, sine = x;
  for (let n = 3; n <= 15; n += 2) {
    term = (-term * square) / (n * (n - 1));
    sine += term;
  }
  return 1 - 2 * sine * sine;
}
