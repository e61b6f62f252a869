/** Damaged and lying models: a clear refusal or a graph, within 2 seconds and 512 MB each. OCTAVO_FUZZ=100000 runs more of them. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { onnx } from "../../converter/formats/onnx.ts";
import { messages, type ModelProto, type TensorProto } from "../../converter/formats/onnx/proto.ts";
import { readTensor } from "../../converter/formats/onnx/tensor.ts";
import { decode } from "../../converter/formats/wire/protobuf.ts";
import { OctavoError } from "../../converter/ir/error.ts";
import type { ReadOptions } from "../../converter/formats/reader.ts";
import { looking } from "./attempt.ts";
import { mutate, mutateTree } from "./mutate.ts";
import { cases, shared, suite } from "./onnx-suite.ts";
import { encode } from "./protobuf-write.ts";

const count = Number(process.env.OCTAVO_FUZZ ?? 2000);
const made = JSON.parse(gunzipSync(readFileSync(new URL("../fixtures/onnx/made.json.gz", import.meta.url))).toString()) as { models: Record<string, { model: string }> };
const bytesOf = (path: string) => new Uint8Array(readFileSync(path));

interface Seed { name: string; bytes: Uint8Array; constants: NonNullable<ReadOptions["constants"]> }

const seeds: Seed[] = [
  ...Object.entries(made.models).map(([name, m]) => ({ name, bytes: Uint8Array.from(Buffer.from(m.model, "base64")), constants: {} })),
  ...cases().map((name) => ({ name, bytes: bytesOf(join(suite, name, "model.onnx")), constants: inputsOf(name) })),
  ...["trained/anomaly-conv-ae/model.onnx", "trained/anomaly-conv-ae/model-dynamo.onnx", "mnistlstm_int8_dyn.onnx", "kws_int8_s8.onnx", "torch_gru32x2_fp32.onnx"]
    .map((m) => join(shared, "models", m)).filter(existsSync).map((path) => ({ name: path, bytes: bytesOf(path), constants: {} })),
];

/** Inputs of a case as constants: the more is known, the more is computed while reading. */
function inputsOf(name: string): Seed["constants"] {
  const inputs = (decode(bytesOf(join(suite, name, "model.onnx")), messages.model) as ModelProto).graph?.input ?? [];
  return Object.fromEntries(inputs.flatMap((input, i) => {
    const path = join(suite, name, "test_data_set_0", `input_${i}.pb`);
    return existsSync(path) ? [[input.name ?? "", readTensor(decode(bytesOf(path), messages.tensor) as TensorProto, path)]] : [];
  }));
}

/** @returns what went wrong, if anything */
async function attempt(bytes: Uint8Array, constants: Seed["constants"], k: number): Promise<string> {
  const start = performance.now();
  try {
    await onnx.read(bytes, { constants, ...looking(k) });
  } catch (e) {
    if (!(e instanceof OctavoError)) return String(e instanceof Error ? e.stack : e);
  }
  const seconds = (performance.now() - start) / 1000;
  return seconds < 2 ? "" : `it took ${seconds.toFixed(1)} s`;
}

/** Some of the inputs that the damaged model still has. */
function given(seed: Seed, tree: ModelProto, k: number): Seed["constants"] {
  const names = new Set((tree.graph?.input ?? []).map((i) => i.name)), all = Object.entries(seed.constants).filter(([name]) => names.has(name));
  return Object.fromEntries(k % 4 === 0 ? all : k % 4 === 1 ? all.filter(([, v]) => !(v.data instanceof Float32Array)) : k % 4 === 2 ? all.slice(1) : []);
}

const before = process.resourceUsage().maxRSS;

test(`${count} files with damaged bytes`, async () => {
  for (let k = 1; k <= count; k++) {
    const seed = seeds[(k * 7919) % seeds.length]!;
    expect(await attempt(mutate(seed.bytes, k), {}, k), `mutation ${k} of ${seed.name}`).toBe("");
  }
}, 60_000 + count * 20);

test(`${count} well-formed files that lie`, async () => {
  for (let k = 1; k <= count; k++) {
    const seed = seeds[(k * 7919) % seeds.length]!, tree = decode(seed.bytes, messages.model);
    mutateTree(tree, k);
    expect(await attempt(encode(tree, messages.model), given(seed, tree as ModelProto, k), k), `lie ${k} of ${seed.name}`).toBe("");
  }
}, 60_000 + count * 20);

test("never takes 512 MB", () => expect((process.resourceUsage().maxRSS - before) / 1024).toBeLessThan(512));
