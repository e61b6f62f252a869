/** What an architecture file looks like from outside. */
import { isObject, type JsonObject } from "../wire/json.ts";

/** The JSON of an architecture file; undefined for other bytes. */
export function architectureOf(bytes: Uint8Array): JsonObject | undefined {
  const text = (part: Uint8Array) => new TextDecoder().decode(part);
  if (!/^\s*\{/.test(text(bytes.subarray(0, 64)))) return undefined;
  try {
    const json = JSON.parse(text(bytes)) as JsonObject;
    return isObject(json) && Array.isArray(json.layers) ? json : undefined;
  } catch {
    return undefined;
  }
}
