/** Runs readers on damaged files: each ends in a graph or in an OctavoError, in time and in memory. */
import { expect } from "vitest";
import type { ReadOptions } from "../../converter/formats/reader.ts";
import { OctavoError } from "../../converter/ir/error.ts";

/** Mutations per test. */
export const count = Number(process.env.OCTAVO_FUZZ ?? 2000);

/** Some files are only looked at. */
export const looking = (k: number): Pick<ReadOptions, "refused"> => (k % 5 ? {} : { refused: () => undefined });

/** Seconds of this process, not of a busy machine. */
const seconds = (): number => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;

/** @returns what went wrong, if anything */
async function attempt(read: () => unknown): Promise<string> {
  const start = seconds();
  try {
    await read();
  } catch (e) {
    if (!(e instanceof OctavoError)) return String(e instanceof Error ? e.stack : e);
  }
  const taken = seconds() - start;
  return taken < 2 ? "" : `it took ${taken.toFixed(1)} s`;
}

/** The same numbers give the same files: a failure names the one to look at. */
export async function attempts(total: number, read: (k: number) => unknown): Promise<void> {
  const before = process.resourceUsage().maxRSS;
  for (let k = 1; k <= total; k++) expect(await attempt(() => read(k)), `file ${k}`).toBe("");
  expect((process.resourceUsage().maxRSS - before) / 1024, "megabytes more than before").toBeLessThan(512);
}
