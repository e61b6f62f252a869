/** Where the shared models and suites are, and whether they are here. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const root = process.env.OCTAVO_SHARED ?? resolve(import.meta.dirname, "../../../shared");

export const sharedPath = (path: string): string => resolve(root, path);
export const hasShared: boolean = existsSync(sharedPath("models"));
export const absent = "../shared is absent, set OCTAVO_SHARED";
export const sharedBytes = (path: string): Uint8Array => new Uint8Array(readFileSync(sharedPath(path)));
