/** Damaged files end in a graph or an OctavoError, each within two seconds and all within 512 MB. OCTAVO_FUZZ sets how many. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { tflite } from "../../converter/formats/tflite.ts";
import { OctavoError } from "../../converter/ir/error.ts";
import { looking } from "./attempt.ts";
import { mutate, random } from "./mutations.ts";
import { absent, hasShared, sharedBytes } from "./shared.ts";

const count = Number(process.env.OCTAVO_FUZZ ?? 2000);
const fixtures = new URL("../fixtures/tflite/", import.meta.url);
const names = ["kws_int8", "mnistlstm_int8", "mnistlstm_fp32", "strww_int8", "dtln_int8"];

function seeds(): Uint8Array[] {
  const small = readdirSync(fixtures).filter((f) => f.endsWith(".json")).flatMap((f) =>
    (JSON.parse(readFileSync(new URL(f, fixtures), "utf8")) as { cases: { model: string }[] }).cases.map((c) => new Uint8Array(Buffer.from(c.model, "base64"))));
  const real = hasShared ? names.map((n) => sharedBytes(`models/${n}.tflite`)) : [];
  if (!hasShared) console.log(`fixtures only: ${absent}`);
  return [...small, ...real, ...real, ...real];
}

/** What reading came to: "graph" or the error's code. Anything else is thrown on. */
async function outcome(bytes: Uint8Array, k: number): Promise<string> {
  try {
    await tflite.read(bytes, looking(k));
    return "graph";
  } catch (e) {
    if (e instanceof OctavoError) return e.code;
    throw e;
  }
}

test(`${count} damaged files`, async () => {
  const from = seeds(), before = process.resourceUsage().maxRSS, outcomes: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const next = random(i), bytes = mutate(from[Math.floor(next() * from.length)]!, next), start = performance.now();
    const what = await outcome(bytes, i).catch((e: unknown) => { throw new Error(`mutation ${i}`, { cause: e }); });
    outcomes[what] = (outcomes[what] ?? 0) + 1;
    expect(performance.now() - start, `mutation ${i}`).toBeLessThan(2000);
  }
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(512 * 1024);
  expect(outcomes.graph).toBeGreaterThan(count / 100);
  expect(outcomes.ERR_OCTAVO_FORMAT).toBeGreaterThan(count / 10);
}, 600_000);
