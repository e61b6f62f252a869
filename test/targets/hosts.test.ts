/** The reactor in the hosts of examples/wasi: the SDK's bytes, and a refusal in words. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { load, scalar } from "../../targets/node/index.ts";
import { example, root } from "../packaging/project.ts";

const examples = path.join(root, "examples/wasi"), folder = mkdtempSync(path.join(tmpdir(), "octavo-hosts-")), at = (name: string) => path.join(folder, name);
const python = [process.env.PYTHON, path.join(tmpdir(), "octavo-engines/py/bin/python")].find((p) => p && existsSync(p));
const rust = process.env.OCTAVO_RUST_HOST, x = Float32Array.from({ length: 784 }, (_, i) => (i % 29) / 29);
let expected: Float32Array;

const hosts: { name: string; command: string[]; missing: string }[] = [
  { name: "JavaScript (node:wasi)", command: [process.execPath, path.join(examples, "host.mjs")], missing: "" },
  { name: "Python (wasmtime)", command: [python ?? "", path.join(examples, "host.py")], missing: python ? "" : "no Python with wasmtime: PYTHON names one" },
  { name: "Rust (wasmi)", command: [rust ?? ""], missing: rust ? "" : "OCTAVO_RUST_HOST names no program built from examples/wasi/rust" },
];

beforeAll(async () => {
  const { model } = await example(), loaded = await load(model, { builds: [scalar] });
  writeFileSync(at("m.octavo"), model);
  const bad = model.slice();
  bad[8] = 99;
  writeFileSync(at("bad.octavo"), bad);
  expected = loaded.run(x);
});

for (const { name, command: [program, ...words], missing } of hosts) {
  describe.skipIf(missing)(`${name}${missing && `: ${missing}`}`, () => {
    test.each(name.includes("wasmi") ? ["scalar"] : ["scalar", "simd"])("%s: the SDK's bytes", (build) => {
      const out = execFileSync(program!, [...words, path.join(root, `build/${build}.wasm`), at("m.octavo")], { input: new Uint8Array(x.buffer) });
      expect(new Float32Array(new Uint8Array(out).buffer)).toEqual(expected);
    });

    test("a newer file is refused in words", () => {
      const { status, stderr } = spawnSync(program!, [...words, path.join(root, "build/scalar.wasm"), at("bad.octavo")], { input: new Uint8Array(x.buffer), encoding: "utf8" });
      expect(status).not.toBe(0);
      expect(stderr).toContain("refused: newer format or abi");
    });
  });
}
