// What every engine trains, in plain JavaScript: engines import this file as it is. The command octavo-train is told the same by words.
export const TRAINING = { count: 40, epochs: 20, seed: 9 };
/** Files of the folder: [count,28,28,1] float32, [count] uint8. */
export const DATA = { x: "case-train-x.npy", labels: "case-train-y.npy" };
export const WORDS = ["--epochs", String(TRAINING.epochs), "--seed", String(TRAINING.seed)];

/** The values behind the header of an .npy file of version 1. */
const valuesOf = (npy) => npy.slice(10 + new DataView(npy.buffer, npy.byteOffset).getUint16(8, true));
export const datasetOf = (x, labels) => ({ x: new Float32Array(valuesOf(x).buffer), labels: valuesOf(labels) });

/** First bytes of the SHA-256 that a model file holds of itself. */
export const digestOfFile = (file) => Array.from(file.subarray(96, 104), (b) => b.toString(16).padStart(2, "0")).join("");

export async function trainedDigest(model, trainerOf, dataset) {
  const trainer = trainerOf(model);
  await trainer.fit(dataset, { epochs: TRAINING.epochs, seed: TRAINING.seed });
  trainer.commit();
  return digestOfFile(model.save());
}
