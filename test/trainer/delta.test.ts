/** Deltas and checkpoints as bytes: there and back, cut off anywhere, of another model. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { readCheckpoint, writeCheckpoint } from "../../sdk/train/checkpoint.ts";
import { otherSide, writeDelta } from "../../sdk/train/delta.ts";
import { identityOf, sealed } from "../../sdk/train/sha256.ts";
import { random } from "../kernels/random.ts";

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest(), bytesOf = (seed: number, n: number) => Uint8Array.from(random(seed).floats(n), (v) => Math.round(127 * v));
const file = (change: (bytes: Uint8Array) => void = () => {}): Uint8Array => {
  const bytes = bytesOf(1, 2000);
  change(bytes);
  return sealed(bytes, sha256);
};
const refused = expect.objectContaining({ code: "ERR_OCTAVO_FORMAT", message: expect.stringMatching(/^(delta|checkpoint): .+\. [A-Z]/) });
const thrown = (call: () => unknown): unknown => { try { return call(); } catch (e) { return e; } };

const before = file(), changes: [string, (bytes: Uint8Array) => void][] = [
  ["nothing", () => {}], ["one byte", (b) => b[1000]!++], ["the ends", (b) => { b[0]!++; b[1999]!++; }], ["around the hash", (b) => { b[94]!++; b[95]!++; b[128]!++; b[200]!++; }],
  ["every third byte", (b) => { for (let i = 0; i < b.length; i += 3) b[i]!++; }], ["far apart", (b) => { for (let i = 300; i < b.length; i += 400) b[i]! ^= 255; }], ["all", (b) => b.forEach((_, i) => b[i]! ^= 85)],
];

test.each(changes)("a delta of %s leads there and back", (_, change) => {
  const after = file(change), delta = writeDelta(before, after);
  expect(otherSide(before, delta, "before", sha256)).toEqual(after);
  expect(otherSide(after, delta, "after", sha256)).toEqual(before);
});

test("a delta is as small as what changed", () => expect(writeDelta(before, file((b) => b[1000]!++)).length).toBeLessThan(90));

test("a delta cut off at any byte, with one flipped or more at its end is refused", () => {
  const delta = writeDelta(before, file((b) => { b[300]!++; b[1400]!++; }));
  for (let n = 0; n < delta.length; n++) expect(thrown(() => otherSide(before, delta.subarray(0, n), "before", sha256))).toEqual(refused);
  for (let n = 8; n < delta.length; n++) expect(thrown(() => otherSide(before, delta.map((b, i) => (i === n ? b ^ 1 : b)), "before", sha256))).toEqual(refused);
  expect(thrown(() => otherSide(before, Uint8Array.from([...delta, 0]), "before", sha256))).toEqual(refused);
});

test("a delta for another model, applied twice or taken back before is refused", () => {
  const after = file((b) => b[1000]!++), delta = writeDelta(before, after);
  expect(thrown(() => otherSide(file((b) => b[5]!++), delta, "before", sha256))).toEqual(refused);
  expect(thrown(() => otherSide(after, delta, "before", sha256))).toEqual(refused);
  expect(thrown(() => otherSide(before, delta, "after", sha256))).toEqual(refused);
});

test("a newer delta is refused by its version", () => {
  const delta = writeDelta(before, before);
  delta[4] = 9;
  expect(thrown(() => otherSide(before, delta, "before", sha256))).toEqual(expect.objectContaining({ code: "ERR_OCTAVO_VERSION" }));
});

const model = identityOf(before), checkpoint = { model, facts: { learningRate: 0.1, name: "Größe 🎹" }, state: bytesOf(3, 333), kept: bytesOf(4, 77) };

test("a checkpoint comes back as it was", () => expect(readCheckpoint(writeCheckpoint(checkpoint, sha256), model, sha256)).toEqual(checkpoint));

test("a checkpoint cut off at any byte or with one flipped is refused", () => {
  const bytes = writeCheckpoint(checkpoint, sha256);
  for (let n = 0; n < bytes.length; n++) expect(thrown(() => readCheckpoint(bytes.subarray(0, n), model, sha256))).toEqual(refused);
  for (let n = 8; n < bytes.length; n++) expect(thrown(() => readCheckpoint(bytes.map((b, i) => (i === n ? b ^ 1 : b)), model, sha256))).toEqual(refused);
});

test("a checkpoint of another model says so", () => {
  const other = identityOf(file((b) => b[5]!++));
  expect(thrown(() => readCheckpoint(writeCheckpoint(checkpoint, sha256), other, sha256))).toEqual(expect.objectContaining({ code: "ERR_OCTAVO_FORMAT", message: expect.stringContaining("belongs to the model file") }));
});
