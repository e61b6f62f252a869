/** The reactor in the hosts of examples/wasi: the SDK's bytes, and a refusal in words. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { digits } from "../../examples/digits.ts";
import { load, scalar } from "../../targets/node/index.ts";
import { trainer as trainerOf } from "../../targets/node/train.ts";
import { example, root } from "../packaging/project.ts";

const examples = path.join(root, "examples/wasi"), folder = mkdtempSync(path.join(tmpdir(), "octavo-hosts-")), at = (name: string) => path.join(folder, name);
const python = [process.env.PYTHON, path.join(tmpdir(), "octavo-engines/py/bin/python")].find((p) => p && existsSync(p));
const rust = process.env.OCTAVO_RUST_HOST, x = Float32Array.from({ length: 784 }, (_, i) => (i % 29) / 29);
let expected: Float32Array;

interface Host { name: string; command: string[]; training: string[]; missing: string }
const hosts: Host[] = [
  { name: "JavaScript (node:wasi)", command: [process.execPath, path.join(examples, "host.mjs")], training: [process.execPath, path.join(examples, "train.mjs")], missing: "" },
  { name: "Python (wasmtime)", command: [python ?? "", path.join(examples, "host.py")], training: [python ?? "", path.join(examples, "train.py")], missing: python ? "" : "no Python with wasmtime: PYTHON names one" },
  { name: "Rust (wasmi)", command: [rust ?? ""], training: [path.join(path.dirname(rust ?? ""), "train")], missing: rust ? "" : "OCTAVO_RUST_HOST names no program built from examples/wasi/rust" },
];

/** What the SDK makes of a model in 20 steps on three samples. */
async function trained(file: Uint8Array, samples: Float32Array, labels: number[]): Promise<Uint8Array> {
  const model = await load(file), trainer = trainerOf(model, { learningRate: 0.01 });
  for (let step = 0; step < 20; step++) trainer.step(samples, labels);
  trainer.commit();
  return model.save();
}

beforeAll(async () => {
  const { model } = await example(), loaded = await load(model, { builds: [scalar] });
  writeFileSync(at("m.octavo"), model);
  const bad = model.slice();
  bad[8] = 99;
  writeFileSync(at("bad.octavo"), bad);
  expected = loaded.run(x);
});

for (const { name, command: [program, ...words], training: [trains, ...first], missing } of hosts) {
  describe.skipIf(missing)(`${name}${missing && `: ${missing}`}`, () => {
    test.each(name.includes("wasmi") ? ["scalar"] : ["scalar", "simd"])("%s: the SDK's bytes", (build) => {
      const out = execFileSync(program!, [...words, path.join(root, `build/${build}.wasm`), at("m.octavo")], { input: new Uint8Array(x.buffer) });
      expect(new Float32Array(new Uint8Array(out).buffer)).toEqual(expected);
    });

    test.each(name.includes("wasmi") ? ["scalar-train"] : ["scalar-train", "simd-train"])("%s: the SDK's bytes after training", async (build) => {
      const samples = digits(3, 8).x, labels = [4, 0, 7];
      execFileSync(trains!, [...first, path.join(root, `build/${build}.wasm`), at("m.octavo"), at("tuned.octavo"), ...labels.map(String)], { input: new Uint8Array(samples.buffer), stdio: ["pipe", "pipe", "ignore"] });
      expect(new Uint8Array(readFileSync(at("tuned.octavo")))).toEqual(await trained(new Uint8Array(readFileSync(at("m.octavo"))), samples, labels));
    });

    test("a newer file is refused in words", () => {
      const { status, stderr } = spawnSync(program!, [...words, path.join(root, "build/scalar.wasm"), at("bad.octavo")], { input: new Uint8Array(x.buffer), encoding: "utf8" });
      expect(status).not.toBe(0);
      expect(stderr).toContain("refused: newer format or abi");
    });
  });
}
