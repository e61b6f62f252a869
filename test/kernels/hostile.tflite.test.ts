/** The same for the kernels of TFLite's rounding: see hostile.test.ts. */
import { describe, expect, test } from "vitest";
import { convert } from "../../converter/convert.ts";
import { kernelNames, kernelNumber } from "../../converter/write/layout.ts";
import { load, type Values } from "../../targets/node/index.ts";
import { expectDamageDoesNoHarm } from "./hostile.ts";
import { builds } from "./run.ts";
import { exactCases } from "./tflite-exact.ts";

/** Their numbers follow each other. */
const [FIRST, LAST] = [kernelNumber("lstmI8Tflite"), kernelNumber("matmulI16Tflite")];

/** The first case of the fixture that calls each kernel. */
async function firstOf(kernel: string) {
  for (const c of exactCases) {
    const { model } = await convert(c.model, { name: "x.tflite", rounding: "tflite", stateful: c.stateful }), { metadata, inputs } = await load(model);
    if (metadata.layers.some((l) => l.kernel === kernel)) return { model, given: Object.fromEntries(inputs.map((x, i) => [x.name, c.runs[0]!.inputs[i] as Values])) };
  }
  throw new Error(`no case calls ${kernel}`);
}

describe.each(kernelNames.filter((name) => kernelNumber(name) >= FIRST && kernelNumber(name) <= LAST))("%s", (kernel) => {
  const found = firstOf(kernel);
  test.each(builds.slice(0, 2).map((b) => [b.name, b] as const))("%s", async (_, build) => {
    const { model, given } = await found;
    await expectDamageDoesNoHarm(model, given, build, kernel.length * 31 + 5, true);
    expect.hasAssertions();
  });
});
