/** Model files with training programs that never met our converter, in the training module: refused, or run to the end. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { convert } from "../../converter/convert.ts";
import { digits, randomOf } from "../../examples/digits.ts";
import { instantiate } from "../../sdk/loader.ts";
import { trainScalar, trainSimd } from "../../targets/node/train-builds.ts";
import type { TrainExports } from "./device.ts";

/** What a host may refuse to give (`maxMemory`). */
const MEMORY = 512 * 2 ** 20, LIMIT_MS = 4000, END = 32, PARAMS = 56, CONSTANTS = 64, PROGRAMS = 48;
const special = [0, 1, 2, 3, 15, 16, 127, 255, 32768, 65535, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 16, 2 ** 32 - 1];
const files: Record<string, Uint8Array> = {};

beforeAll(async () => {
  const { x } = digits(8, 2), samples = (ports: { name: string }[]) => Array.from({ length: 8 }, (_, i) => ({ [ports[0]!.name]: x.subarray(i * 784, (i + 1) * 784) }));
  for (const name of ["digits-cnn.h5", "digits-lstm.onnx"]) for (const trainable of ["last", "all"]) {
    const bytes = new Uint8Array(readFileSync(new URL(`../../examples/models/${name}`, import.meta.url)));
    files[`${name}, ${trainable}`] = (await convert(bytes, { name, samples, trainable, trainBatch: 2 })).model;
  }
});

/** One to three words before the weights set to a telling number or another word of the file. */
function mutate(file: Uint8Array, random: () => number): Uint8Array {
  const out = file.slice(), view = new DataView(out.buffer), below = view.getUint32(CONSTANTS, true), programs = view.getUint32(PROGRAMS, true);
  for (let n = 1 + Math.floor(3 * random()); n > 0; n--) {
    const from = random() < 0.5 ? programs : 0, at = from + 4 * Math.floor((random() * (below - from)) / 4), other = view.getUint32(4 * Math.floor((random() * below) / 4), true);
    view.setUint32(at, random() < 0.6 ? special[Math.floor(random() * special.length)]! : other + 4 * Math.floor(8 * random() - 4), true);
  }
  return out;
}

/** Loads, starts, steps and commits; a trap or a hang is a fault of ours. */
function endure(file: Uint8Array, module: WebAssembly.Module): "ran" | "refused" {
  const start = performance.now(), e = instantiate(module) as unknown as TrainExports;
  try {
    const image = new DataView(file.buffer).getUint32(16, true);
    if (image > file.length || new DataView(file.buffer).getUint32(END, true) > 2 ** 29) return "refused";
    const at = e.octavo_alloc(image);
    new Uint8Array(e.memory.buffer).set(file.subarray(0, image), at);
    if (e.octavo_load(at, image) || e.memory.buffer.byteLength > MEMORY || e.octavo_train_start()) return "refused";
    e.octavo_train_step();
    e.octavo_train_forward();
    e.octavo_commit();
    e.octavo_train_step();
    return "ran";
  } finally {
    expect(performance.now() - start).toBeLessThan(LIMIT_MS);
  }
}

describe.each(["digits-cnn.h5, last", "digits-cnn.h5, all", "digits-lstm.onnx, last", "digits-lstm.onnx, all"])("mutations of %s", (name) => {
  test.each([trainScalar, trainSimd].map((b) => [b.name, b] as const))("%s", (_, build) => {
    const random = randomOf(build.name.length + name.length), seen = { ran: 0, refused: 0 };
    for (let i = 0; i < Number(process.env.OCTAVO_FUZZ ?? 150); i++) {
      const file = mutate(files[name]!, random);
      try {
        seen[endure(file, build.module())]++;
      } catch (cause) {
        throw new Error(`mutation ${i}`, { cause });
      }
    }
    expect([seen.ran > 0, seen.refused > 0]).toEqual([true, true]);
  }, 120_000);
});

test("parameters may not lie among what commit writes", () => {
  const file = files["digits-cnn.h5, last"]!.slice(), view = new DataView(file.buffer);
  view.setUint32(CONSTANTS, view.getUint32(PARAMS, true), true); // constants begin where parameters do
  expect(endure(file, trainScalar.module())).toBe("refused");
});

test("rows of a step that are no multiple of those given at a time, or none", async () => {
  const file = files["digits-cnn.h5, last"]!, { at, part } = training(file), word = (value: number, to: number) => {
    const out = file.slice();
    new DataView(out.buffer).setUint32(to, value, true);
    return endure(out, trainScalar.module());
  };
  expect([at, part].map((to) => new DataView(file.buffer).getUint32(to, true))).toEqual([2, 2]);
  expect([2, 4, 2 ** 24, 0].map((rows) => word(rows, at))).toEqual(["ran", "ran", "ran", "ran"]); // 0: files of an earlier converter
  expect([1, 3, 2 ** 24 + 2, 2 ** 32 - 2].map((rows) => word(rows, at))).toEqual(["refused", "refused", "refused", "refused"]);
  expect([0, 3, 2 ** 32 - 1].map((rows) => word(rows, part))).toEqual(["refused", "refused", "refused"]);
});

/** Offsets of the rows of a step, and of those given at a time: docs/model-file.md, params. */
function training(file: Uint8Array): { at: number; part: number } {
  const view = new DataView(file.buffer, file.byteOffset), u32 = (at: number) => view.getUint32(at, true), base = u32(20), programs = u32(PROGRAMS);
  const struct = Array.from({ length: u32(programs) }, (_, i) => programs + 16 + 32 * i).filter((p) => u32(p) === 2).map((p) => u32(p + 20) - base)[0]!;
  const inputs = struct + 56, outputs = inputs + 4 + 8 * u32(inputs), cells = outputs + 4 + 8 * u32(outputs);
  return { at: cells + 4 + 8 * u32(cells), part: struct + 24 };
}
