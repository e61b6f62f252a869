import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { checkWritable, writeWhole } from "../../targets/cli/files.ts";
import { octavo } from "./octavo.ts";

const folder = mkdtempSync(join(tmpdir(), "octavo-usage-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const commands = ["convert", "run", "eval", "compare", "inspect", "bench", "train", "demo"];

describe("help", () => {
  test("names every command", async () => {
    const { code, out } = await octavo("--help");
    expect(code).toBe(0);
    for (const name of commands) expect(out).toContain(name);
  });
  for (const name of commands)
    test(`${name} --help`, async () => {
      const { code, out } = await octavo(name, "--help");
      expect(code).toBe(0);
      expect(out).toContain(`octavo ${name}`);
      expect(out).toContain("--json");
    });
  test("--version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
    expect(await octavo("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });
});

describe("wrong usage ends with 2 and says why", () => {
  const cases: [string, string[], RegExp][] = [
    ["no command", [], /Usage/], ["unknown command", ["convrt"], /unknown command/], ["convert without arguments", ["convert"], /required option/], ["inspect without arguments", ["inspect"], /missing required argument/],
    ["convert without output", ["convert", "m.onnx"], /--output/], ["unknown option", ["run", "m.octavo", "--input", "x.npy", "--fast"], /--fast/],
    ["unknown precision", ["convert", "m.onnx", "-o", "m.octavo", "--precision", "int4"], /int4/], ["unknown metric", ["eval", "m", "--data", "x", "--labels", "y", "--metric", "f1"], /f1/],
    ["unknown build", ["run", "m", "--input", "x", "--build", "avx"], /avx/], ["top of nothing", ["run", "m", "--input", "x", "--top", "0"], /positive/],
    ["a shape without a name", ["inspect", "m", "--input-shape", "1,2"], /NAME=/], ["a shape of words", ["inspect", "m", "--input-shape", "x=1,b"], /no shape/],
    ["train without output", ["train", "m", "--data", "x", "--labels", "y"], /--output/], ["eval without labels", ["eval", "m", "--data", "x"], /--labels/], ["one argument too many", ["inspect", "a", "b"], /too many arguments/],
  ];
  for (const [name, words, message] of cases)
    test(name, async () => {
      const { code, out, err } = await octavo(...words);
      expect(code).toBe(2);
      expect(out).toBe("");
      expect(err).toMatch(message);
    });
});

describe("what the system refuses ends with 1 and one line", () => {
  const missing = join(folder, "missing.onnx");
  const cases: [string, string[], RegExp][] = [
    ["a missing source", ["convert", missing, "-o", join(folder, "m.octavo")], /missing.onnx.*no such file/],
    ["a missing model", ["run", missing, "--input", "x.npy"], /no such file/],
    ["a folder as source", ["inspect", folder], /folder/],
    ["an output in a missing folder", ["convert", missing, "-o", join(folder, "no/m.octavo")], /does not exist/],
    ["a folder as output", ["convert", missing, "-o", folder], /is a folder/],
    ["a report in a missing folder", ["convert", missing, "-o", join(folder, "m.octavo"), "--report", join(folder, "no/r.html")], /no" does not exist/],
  ];
  for (const [name, words, message] of cases)
    test(name, async () => {
      const { code, out, err } = await octavo(...words);
      expect({ code, out, lines: err.trim().split("\n").length }).toEqual({ code: 1, out: "", lines: 1 });
      expect(err).toMatch(message);
      expect(readdirSync(folder)).toEqual([]);
    });
});

describe("writing", () => {
  test("replaces a file as a whole and leaves nothing beside it", async () => {
    const path = join(folder, "out.bin");
    writeFileSync(path, "old");
    await writeWhole(path, Uint8Array.of(1, 2));
    expect([...readFileSync(path)]).toEqual([1, 2]);
    expect(readdirSync(folder)).toEqual(["out.bin"]);
    rmSync(path);
  });
  test("a failed write leaves the old file and no part", async () => {
    const path = join(folder, "taken");
    mkdirSync(join(path, "inside"), { recursive: true });
    await expect(writeWhole(path, "x")).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(["taken"]);
    rmSync(path, { recursive: true });
  });
  test.skipIf(process.getuid?.() === 0)("a folder without permission is refused beforehand", async () => {
    const locked = join(folder, "locked");
    mkdirSync(locked);
    chmodSync(locked, 0o500);
    await expect(checkWritable(join(locked, "x"))).rejects.toThrow(/cannot be written/);
    expect(existsSync(join(locked, "x"))).toBe(false);
    chmodSync(locked, 0o700);
    rmSync(locked, { recursive: true });
  });
});
