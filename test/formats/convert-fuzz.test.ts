/** Well-formed files that lie, and damaged ones, all the way to a model file: an OctavoError or success. OCTAVO_FUZZ=100000 runs more of them. */
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { test } from "vitest";
import { zipSync } from "fflate";
import { convert } from "../../converter/convert.ts";
import { messages } from "../../converter/formats/onnx/proto.ts";
import { decode } from "../../converter/formats/wire/protobuf.ts";
import { openZip } from "../../converter/formats/wire/zip.ts";
import { composedCases, exactCases } from "../kernels/tflite-exact.ts";
import { attempts, count } from "./attempt.ts";
import { bytesOf, madeCases } from "./made.ts";
import { mutate, mutateTree } from "./mutate.ts";
import { encode } from "./protobuf-write.ts";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const onnx = Object.values((JSON.parse(gunzipSync(fixture("onnx/made.json.gz")).toString()) as { models: Record<string, { model: string }> }).models).map((m) => bytesOf(m.model));
const tflite = readdirSync(new URL("../fixtures/tflite/", import.meta.url)).filter((f) => f.endsWith(".json"))
  .flatMap((f) => (JSON.parse(fixture(`tflite/${f}`).toString()) as { cases: { model: string }[] }).cases.map((c) => bytesOf(c.model)));
const keras = madeCases<{ keras: string }>("keras").map((c) => bytesOf(c.keras)), torch = madeCases<{ pt2: string }>("pytorch").map((c) => bytesOf(c.pt2));
const pick = <T>(list: T[], k: number): T => list[(k * 7919) % list.length]!;

/** The archive with one JSON entry changed. */
function lying(bytes: Uint8Array, entry: RegExp, k: number): Uint8Array {
  const zip = openZip(bytes, "test"), entries = Object.fromEntries(zip.names.map((n) => [n, zip.read(n)!])), name = zip.names.find((n) => entry.test(n))!;
  const tree = { json: JSON.parse(new TextDecoder().decode(entries[name])) as unknown };
  mutateTree(tree, k);
  return zipSync({ ...entries, [name]: new TextEncoder().encode(JSON.stringify(tree.json)) }, { level: 0 });
}

const kinds: Record<string, (k: number) => Uint8Array> = {
  onnx: (k) => {
    const tree = decode(pick(onnx, k), messages.model);
    mutateTree(tree, k);
    return encode(tree, messages.model);
  },
  tflite: (k) => mutate(pick(tflite, k), k),
  keras: (k) => lying(pick(keras, k), /^config\.json$/, k),
  pt2: (k) => lying(pick(torch, k), /model\.json$/, k),
};
const each = Math.ceil(count / 5);
for (const [kind, make] of Object.entries(kinds))
  test(`${each} .${kind} files converted`, () => attempts(each, (k) => convert(make(k), { name: `m.${kind}`, precision: "float32" })));

test(`${each} quantized .tflite files converted by TFLite's rounding`, () => attempts(each, (k) => convert(mutate(pick([...exactCases, ...composedCases], k).model, k), { name: "m.tflite", rounding: "tflite" })));
