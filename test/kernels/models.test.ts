/** Every float model of ../shared through the kernels: within 1e-5 of the evaluator, the same bytes from every build. */
import { describe, expect, test } from "vitest";
import { compareModel, floatModels, models } from "./models.ts";

/** Free axes that the source does not fix. */
const inputShapes: Record<string, Record<string, number[]>> = {
  "trained/char-lm/model.onnx": { tokens: [1, 12] },
  "trained/keras-lstm100/model-keras3.h5": { input_layer: [1, 9, 100] },
  "trained/keras-lstm100/model.h5": { lstm_1_input: [1, 9, 100] },
  "trained/keras-lstm100/model.keras": { input_layer: [1, 9, 100] },
};

const files = floatModels();
describe.skipIf(!files.length)(`float models (${files.length || `${models} is absent`})`, () => {
  test.each(files)("%s", async (file) => {
    const { error, sameBytes, calls } = await compareModel(file, inputShapes[file]);
    expect(calls).toBeGreaterThan(0);
    expect(sameBytes).toBe(true);
    expect(error).toBeLessThan(1e-5);
  });
});
