/** Every operator that TFLite has in int8 or int16, and hybrid layers, with its rounding: the results of its reference kernels, from every build. */
import { expect, test } from "vitest";
import { convert } from "../../converter/convert.ts";
import { load, type Values } from "../../targets/node/index.ts";
import { builds, relativeError } from "./run.ts";
import { composedCases, exactCases } from "./tflite-exact.ts";

test.each([...exactCases, ...composedCases].map((c) => [c.name, c] as const))("%s", async (name, { model, stateful, tolerance, runs }) => {
  const { model: converted } = await convert(model, { name: `${name}.tflite`, rounding: "tflite", stateful });
  for (const build of builds) {
    const loaded = await load(converted, { builds: [build] });
    for (const { inputs, outputs } of runs) {
      const given = Object.fromEntries(loaded.inputs.map((x, i) => [x.name, inputs[i] as Values])), real = [...inputs, ...outputs].some((v) => v instanceof Float32Array);
      const y = (real ? loaded.run(given) : loaded.runRaw(given)) as Record<string, Values>;
      loaded.outputs.forEach((o, i) => {
        if (tolerance) expect(relativeError(y[o.name] as Float32Array, outputs[i]!), build.name).toBeLessThan(tolerance);
        else expect(Array.from(y[o.name]!), build.name).toEqual(Array.from(outputs[i]!));
      });
    }
  }
});
