/** The same models, the same inputs, the same bytes: run and trained in Node, Chromium and workerd, in every build that the engine has. */
import { describe, expect, inject, test } from "vitest";
import { builds, engine, load, trainBuilds, trainer } from "#target";
import { digestOf, fromBase64, trainedDigest } from "./case.ts";

describe.each(builds.filter((b) => b.supported()).map((b) => [b.name, b] as const))(`${engine} %s`, (_, build) => {
  test.each(inject("cases").map((c) => [c.name, c] as const))("%s", async (_, c) => {
    const model = await load(fromBase64(c.model), { builds: [build] }), x = new Float32Array(fromBase64(c.input).buffer);
    expect(await digestOf(model.run(x))).toBe(c.digest);
    model.dispose();
  });

  test.each(inject("kernels").map((c) => [c.name, c.kernels.join(", "), c] as const))("%s: %s", async (_, __, { model, digest }) => {
    expect((await load(fromBase64(model), { builds: [build] })).selfTest().digest).toBe(digest);
  });
});

describe.each(trainBuilds.filter((b) => b.supported()).map((b) => [b.name, b] as const))(`${engine} trains in %s`, (_, build) => {
  test.each(inject("trainings").map((c) => [c.name, c] as const))("%s", async (_, c) => {
    expect(await trainedDigest(load, (model) => trainer(model, { builds: [build] }), c)).toBe(c.digest);
  });
});
