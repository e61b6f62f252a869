import { expect, inject, test } from "vitest";
import { FIRST_TRAIN, kernelNumber, layouts, type KernelName } from "../../converter/write/layout.ts";

test("the suite that every engine runs holds every inference kernel", () => {
  const run = new Set(inject("kernels").flatMap(({ kernels }) => kernels.map((k) => k.split(" ")[0]!)));
  const missing = (Object.keys(layouts) as KernelName[]).filter((name) => kernelNumber(name) < FIRST_TRAIN && !run.has(name));
  expect(missing).toEqual([]);
});
