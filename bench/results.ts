/** What was measured last, committed: bench/results/*.json. The page is written from these files alone. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Converted } from "./parts/conversion.ts";
import type { ColdRun } from "./peers/cold.ts";
import type { Entry } from "./peers/contenders.ts";
import type { Run } from "./peers/run.ts";
import type { Machine } from "./report/machine.ts";
import type { WorkerResult } from "./targets/worker-example.ts";

export interface PeerResults { machine: Machine; versions: Record<string, string>; models: Pick<Entry, "name" | "kind" | "macs" | "bytes">[]; chromium?: Run; plain?: Run; node?: Run; cold?: ColdRun }
export type Conversions = Record<string, Converted[]>;
/** Milliseconds by build and model. */
export interface TargetResult { version: string; latencies: Record<string, Record<string, number>>; cold?: { ms: number; empty: number } }
export interface TargetResults { machine: Machine; models: string[]; targets: Record<string, TargetResult>; skipped: Record<string, string>; worker?: WorkerResult }
interface Results { peers: PeerResults; conversions: Conversions; targets: TargetResults }

const fileOf = (name: keyof Results) => path.join(import.meta.dirname, "results", `${name}.json`);

export const read = <K extends keyof Results>(name: K): Results[K] | undefined => (existsSync(fileOf(name)) ? JSON.parse(readFileSync(fileOf(name), "utf8")) as Results[K] : undefined);
/** Numbers with five digits that count. */
export const keep = <K extends keyof Results>(name: K, value: Results[K]): void =>
  writeFileSync(fileOf(name), `${JSON.stringify(value, (_, v: unknown) => (typeof v === "number" && !Number.isInteger(v) ? Number(v.toPrecision(5)) : v), 1)}\n`);
