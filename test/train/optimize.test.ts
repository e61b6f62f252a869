/** Optimizers: PyTorch's weights after each of several steps, the same bytes from both builds, refusals. */
import { describe, expect, test } from "vitest";
import { relativeError } from "../kernels/run.ts";
import { expectDamageDoesNoHarm } from "../kernels/hostile.ts";
import { random } from "../kernels/random.ts";
import fixture from "../fixtures/train/optimizers.json" with { type: "json" };
import { callFile, loadCall, type Operands } from "./call.ts";
import { hyperOf, optimizers, slotsOf, type Hyper } from "./hyper.ts";
import { builds } from "./run.ts";

const stateOf = (name: string, n: number): Operands => Object.fromEntries(["m", "v"].slice(0, slotsOf(name)).map((slot) => [slot, new Float32Array(n)]));

describe.each(fixture.cases.map((c, i) => [`${c.name} ${i}`, c] as const))("%s", (_, c) => {
  test.each(builds.map((b) => [b.name, b] as const))("PyTorch's weights, %s", async (_, build) => {
    let operands: Operands = { hyper: hyperOf(c), w: Float32Array.from(c.w), g: new Float32Array(c.w.length), ...stateOf(c.name, c.w.length) };
    const absent = { ...(operands.m ? {} : { m: 0 }), ...(operands.v ? {} : { v: 0 }) }, model = await loadCall("optimize", operands, { ...absent, n: c.w.length }, build);
    for (const [step, g] of c.gradients.entries()) {
      operands = model.run({ ...operands, g: Float32Array.from(g) }) as Operands;
      expect(relativeError(operands.w!, c.after[step]!)).toBeLessThan(2e-6);
      expect([...operands.g!]).toEqual(g.map(() => 0));
      expect(new Int32Array(operands.hyper!.buffer, operands.hyper!.byteOffset)[8]).toBe(step + 1);
    }
  });
});

test.each(optimizers)("%s: the same bytes from both builds", async (name) => {
  const n = 400, r = random(5), w = r.floats(n), gradients = [1, 2, 3].map(() => r.floats(n));
  const results = builds.map(async (build) => {
    const operands: Operands = { hyper: hyperOf({ name, rate: 0.01, decay: 0.02, clipNorm: 3, clipValue: 0.4, momentum: 0.9, alpha: 0.99, eps: 1e-7, dampening: 0.1 }), w: w.slice(), g: new Float32Array(n), ...stateOf(name, n) };
    const absent = { ...(operands.m ? {} : { m: 0 }), ...(operands.v ? {} : { v: 0 }) }, model = await loadCall("optimize", operands, { ...absent, n }, build);
    let now = operands;
    for (const g of gradients) now = model.run({ ...now, g }) as Operands;
    return Object.values(now).map((v) => [...new Uint32Array(v.buffer, v.byteOffset, v.length)]);
  });
  const [scalar, simd] = await Promise.all(results);
  expect(simd).toEqual(scalar);
});

describe.each(builds.map((b) => [b.name, b] as const))("%s", (_, build) => {
  const n = 8, start = (h: Hyper): Operands => ({ hyper: hyperOf(h), w: new Float32Array(n).fill(1), g: new Float32Array(n).fill(0.5), m: new Float32Array(n).fill(0.25) });
  const refused = (operands: Operands) => new Int32Array(operands.hyper!.buffer, operands.hyper!.byteOffset)[9];

  test.each([NaN, Infinity, -Infinity])("a gradient of %f changes nothing", async (bad) => {
    const operands = start({ name: "momentum", rate: 0.1, momentum: 0.9 }), model = await loadCall("optimize", operands, { v: 0, n }, build);
    operands.g![5] = bad;
    const after = model.run(operands) as Operands;
    expect(refused(after)).toBe(1);
    for (const name of ["w", "g", "m"]) expect([...after[name]!]).toEqual([...operands[name]!]);
    operands.g![5] = 0.5;
    expect(refused(model.run(operands) as Operands)).toBe(0);
  });

  test.each(["adam", "adamw", "none of them"])("%s without the state it needs changes nothing", async (name) => {
    const operands = start({ name, rate: 0.1 }), model = await loadCall("optimize", operands, { v: 0, n }, build), after = model.run(operands) as Operands;
    expect(refused(after)).toBe(1);
    expect([...after.w!]).toEqual([...operands.w!]);
  });

  test("hostile structs", async () => {
    const operands = start({ name: "momentum", rate: 0.1 });
    await expectDamageDoesNoHarm(await callFile("optimize", operands, { v: 0, n }), operands, build, 41);
  });
});
