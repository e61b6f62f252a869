/** A symbol of one's own: drawings → training in slices of a few milliseconds → a delta. The training kernels come when they are needed. */
const SIDE = 28, PIXELS = SIDE * SIDE, DIGITS = 10, REPLAYED = 20, EPOCHS = 12, SHIFTS = [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]];
const kernels = () => import("./octavo-train.js");

/** f32 [28,28] moved by (dx, dy). */
function shifted(x, dx, dy) {
  const at = (row, column) => (row >= 0 && row < SIDE && column >= 0 && column < SIDE ? x[SIDE * row + column] : 0);
  return Float32Array.from(x, (_, i) => at(Math.floor(i / SIDE) - dy, (i % SIDE) - dx));
}

const nextTurn = () => new Promise((resolve) => setTimeout(resolve));

/** Digits drawn by a program, ten per turn of the event loop. */
async function knownDigits() {
  const { drawDigit, randomOf } = await import("./digits.js"), random = randomOf(1), count = DIGITS * REPLAYED, x = new Float32Array(PIXELS * count);
  for (let i = 0; i < count; i++) {
    x.set(drawDigit(i % DIGITS, random), PIXELS * i);
    if (i % DIGITS === DIGITS - 1) await nextTurn();
  }
  return { x, labels: Uint8Array.from({ length: count }, (_, i) => i % DIGITS) };
}

/** The drawings, each in five places, among known digits: what is not seen again is forgotten. */
function lessonOf(drawings, known) {
  const own = drawings.flatMap((x) => SHIFTS.map(([dx, dy]) => shifted(x, dx, dy))), x = new Float32Array(known.x.length + own.length * PIXELS);
  x.set(known.x);
  own.forEach((values, i) => x.set(values, known.x.length + i * PIXELS));
  return { x, labels: [...known.labels, ...own.map(() => DIGITS)] };
}

/**
 * @param {Float32Array[]} drawings f32 [28,28] each · @param {(p: { loss: number, accuracy: number }) => void} onProgress after each step
 * @returns {Promise<Uint8Array | undefined>} the delta, or nothing where digits were read worse than before: then nothing has changed
 */
export async function learn(model, drawings, onProgress) {
  const { trainer: trainerOf } = await kernels(), known = await knownDigits(), trainer = trainerOf(model, { learningRate: 0.01 });
  try {
    await trainer.fit(lessonOf(drawings, known), { epochs: EPOCHS, seed: 1, budgetMs: 8, onProgress });
    const { committed } = trainer.commit({ guard: known, tolerance: 0.05 });
    return committed ? trainer.delta() : undefined;
  } finally {
    trainer.dispose();
  }
}

export const apply = async (model, delta) => (await kernels()).applyDelta(model, delta);
export const revert = async (model, delta) => (await kernels()).revertDelta(model, delta);
