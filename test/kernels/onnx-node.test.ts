/** ONNX's own node tests through optimise, compile and the kernels of every build. */
import { describe, expect, test } from "vitest";
import { byKernels, cases, readCase, runCase, suite } from "../formats/onnx-suite.ts";
import { builds } from "./run.ts";

/** The expected values hold the rounding of NumPy's FFT where the exact result is 0: up to one float32 step of the largest value. */
const absolute = (name: string) => (name.startsWith("test_dft_inverse") ? 1e-6 : 1e-7);

const all = cases();
describe.skipIf(!all.length)(`ONNX node tests by kernels (${all.length ? all.length : `${suite} is absent`})`, () => {
  test.each(builds.map((b) => [b.name, b] as const))("%s", async (_, build) => {
    const failures: string[] = [];
    for (const name of all) {
      const { status, reason } = await runCase(readCase(name), absolute(name), byKernels(build));
      if (status === "failed") failures.push(`${name}: ${reason}`);
    }
    expect(failures).toEqual([]);
  });
});
