/** JSON of a model file: parsed with an error that says where, and read field by field. */
import { modelError } from "../../ir/error.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Python writes NaN and Infinity into JSON, which JSON does not know. */
const pythonNumbers = /(?<=[:,[]\s*)(-?Infinity|NaN)(?=\s*[,\]}])/g;
const numberNames: Record<string, string> = { Infinity: "1e999", "-Infinity": "-1e999", NaN: "null" };

/** @param where names the text in errors, e.g. `config.json` */
export function parseJson(text: string, format: string, where: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (e) {
    const repaired = text.replace(pythonNumbers, (name) => numberNames[name]!);
    if (repaired !== text) return parseJson(repaired, format, where);
    throw modelError("ERR_OCTAVO_FORMAT", format, where, `found no valid JSON: ${(e as Error).message}`, "Export or download the file again.");
  }
}

export const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** What a table has under a name of a file, which may be one of Object.prototype. */
export const entry = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined => (Object.hasOwn(table, name) ? table[name] : undefined);

/** How deep objects and lists are nested: bounds every recursion over a configuration. */
export function depthOf(value: Json, limit = 200): number {
  let depth = 0;
  for (let level: Json[] = [value]; level.length && depth <= limit; depth++) level = level.flatMap((v) =>
    (v && typeof v === "object" ? Object.values(v) : []));
  return depth;
}

/** The numbers of a list or of nested lists, in order; undefined where it holds anything else. */
export function flatNumbers(json: Json | undefined): number[] | undefined {
  const flat = [json as Json].flat(Infinity as 1);
  return flat.every((v) => typeof v === "number") ? (flat as number[]) : undefined;
}
