/** Model files that never met our converter, with a right SHA-256: refused with an OctavoError, or run to the end. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { convert } from "../../converter/convert.ts";
import { digits, randomOf } from "../../examples/digits.ts";
import { load, OctavoError, scalar, simd } from "../../targets/node/index.ts";
import { noise } from "../../targets/cli/bench.ts";
import { octavo } from "./octavo.ts";

const folder = mkdtempSync(join(tmpdir(), "octavo-hostile-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const HASH = 96, LIMIT_MS = 2000, MEMORY = 512 * 2 ** 20;

/** The file with its hash set right. */
function signed(bytes: Uint8Array): Uint8Array {
  if (bytes.length < HASH + 32) return bytes;
  bytes.fill(0, HASH, HASH + 32);
  bytes.set(createHash("sha256").update(bytes).digest(), HASH);
  return bytes;
}

/** The file with other metadata. */
function withMetadata(file: Uint8Array, change: (metadata: Record<string, unknown>) => unknown): Uint8Array {
  const view = new DataView(file.buffer), at = view.getUint32(80, true), length = view.getUint32(84, true);
  const text = new TextEncoder().encode(JSON.stringify(change(JSON.parse(new TextDecoder().decode(file.subarray(at, at + length))) as Record<string, unknown>)));
  const out = new Uint8Array(at + text.length), header = new DataView(out.buffer);
  out.set(file.subarray(0, at));
  out.set(text, at);
  header.setUint32(12, out.length, true);
  header.setUint32(84, text.length, true);
  return signed(out);
}

const files: Record<string, Uint8Array> = {};
beforeAll(async () => {
  for (const name of ["digits-cnn.h5", "digits-lstm.onnx"]) {
    const { x } = digits(8, 2), samples = (ports: { name: string }[]) => Array.from({ length: 8 }, (_, i) => ({ [ports[0]!.name]: x.subarray(i * 784, (i + 1) * 784) }));
    files[name] = (await convert(new Uint8Array(readFileSync(new URL(`../../examples/models/${name}`, import.meta.url))), { name, samples })).model;
  }
});

/** Loads and runs; anything but success or an OctavoError is a fault of ours. */
async function endure(bytes: Uint8Array, build: typeof simd): Promise<"ran" | "refused"> {
  const start = performance.now();
  try {
    const model = await load(bytes, { builds: [build], maxMemory: MEMORY });
    model.run(noise(model));
    model.reset();
    return "ran";
  } catch (e) {
    if (!(e instanceof OctavoError)) throw e;
    return "refused";
  } finally {
    expect(performance.now() - start).toBeLessThan(LIMIT_MS);
  }
}

const special = [0, 1, 2, 3, 15, 16, 127, 255, 32768, 65535, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 16, 2 ** 32 - 1];

/** One to three fields before the weights set to a telling number, or bits flipped anywhere. */
function mutate(file: Uint8Array, random: () => number): Uint8Array {
  const out = file.slice(), view = new DataView(out.buffer), below = view.getUint32(64, true);
  for (let n = 1 + Math.floor(3 * random()); n > 0; n--) {
    if (random() < 0.8) view.setUint32(4 * Math.floor((random() * below) / 4), special[Math.floor(random() * special.length)]!, true);
    else out[Math.floor(random() * out.length)]! ^= 1 << Math.floor(8 * random());
  }
  return signed(out);
}

describe("mutated files", () => {
  for (const name of ["digits-cnn.h5", "digits-lstm.onnx"])
    for (const build of [scalar, simd])
      test(`${name}, ${build.name}`, async () => {
        const random = randomOf(build.name.length), seen = { ran: 0, refused: 0 };
        for (let i = 0; i < 250; i++) {
          const bytes = mutate(files[name]!, random);
          try {
            seen[await endure(bytes, build)]++;
          } catch (cause) {
            throw new Error(`mutation ${i}`, { cause });
          }
        }
        expect([seen.ran > 0, seen.refused > 0]).toEqual([true, true]);
      }, 120_000);
});

describe("metadata that lie", () => {
  const lies: Record<string, (m: Record<string, unknown>) => unknown> = {
    "null": () => null, "a list": () => [], "no inputs": ({ inputs: _, ...m }) => m, "inputs of numbers": (m) => ({ ...m, inputs: [1] }), "a shape of text": (m) => ({ ...m, inputs: [{ name: "x", layout: "", shape: ["1"] }] }),
    "a negative shape": (m) => ({ ...m, outputs: [{ name: "y", layout: "", shape: [-1, -10] }] }), "layers as text": (m) => ({ ...m, layers: "many" }), "a layer that is null": (m) => ({ ...m, layers: [null] }),
    "classes of numbers": (m) => ({ ...m, classes: [1, 2] }), "another shape": (m) => ({ ...m, inputs: [{ name: "x", layout: "", shape: [1, 5] }] }), "no layers": (m) => ({ ...m, layers: [] }),
    "outputs outside the arena": (m) => ({ ...m, layers: (m.layers as object[]).map((l) => ({ ...l, outputs: [{ at: 2 ** 40, size: 2 ** 40 }] })) }),
  };
  for (const [name, change] of Object.entries(lies))
    test(name, async () => {
      const bytes = withMetadata(files["digits-cnn.h5"]!, change), path = join(folder, "lie.octavo");
      await endure(bytes, simd);
      writeFileSync(path, bytes);
      for (const words of [["inspect", path], ["bench", path, "--runs", "1"]]) expect((await octavo(...words)).err).not.toMatch(/internal error/);
    });
});
