/** ONNX's own node tests, of ONNX 1.22: every case is right, or is refused for a reason that stands here. */
import { describe, expect, test } from "vitest";
import { cases, readCase, runCase, suite } from "./onnx-suite.ts";

const refused: Record<string, RegExp> = {
  test_training_dropout: /draws random numbers/, test_training_dropout_default: /draws random numbers/, test_training_dropout_mask: /draws random numbers/,
  test_training_dropout_default_mask: /draws random numbers/,
};

/** The expected values hold the rounding of NumPy's FFT where the exact result is 0: up to one float32 step of the largest value. */
const nearZero = new Set(["test_dft_inverse", "test_dft_inverse_opset19"]);

const all = cases();
describe.skipIf(!all.length)(`ONNX node tests (${all.length ? all.length : `${suite} is absent`})`, () => {
  for (const name of all)
    test(name, async () => {
      const result = await runCase(readCase(name), nearZero.has(name) ? 1e-6 : 1e-7);
      if (name in refused) expect(result).toMatchObject({ status: "refused", reason: expect.stringMatching(refused[name]!) });
      else expect(result).toEqual({ status: "passed", reason: "" });
    });
});
