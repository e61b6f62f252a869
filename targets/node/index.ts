/** Node: models come from disk or a URL; all builds are inside the package's JavaScript. */
import { readFile } from "node:fs/promises";
import { embeddedBuild } from "../../sdk/build.ts";
import { OctavoError } from "../../sdk/errors.ts";
import { base64 as relaxedBase64 } from "../../sdk/generated/relaxed.ts";
import { base64 as scalarBase64 } from "../../sdk/generated/scalar.ts";
import { base64 as simdBase64 } from "../../sdk/generated/simd.ts";
import type { Host } from "../../sdk/host.ts";
import { loaderOf, readResponse } from "../../sdk/load.ts";

export * from "../../sdk/index.ts";

export const relaxed = embeddedBuild("relaxed", relaxedBase64);
export const simd = embeddedBuild("simd", simdBase64);
export const scalar = embeddedBuild("scalar", scalarBase64);

async function read(location: string | URL, signal?: AbortSignal): Promise<Uint8Array> {
  if (location instanceof URL && location.protocol !== "file:") return readResponse(await fetch(location, { signal: signal ?? null }));
  try {
    return await readFile(location, { signal });
  } catch (cause) {
    throw new OctavoError("ERR_OCTAVO_SOURCE", `load: "${location}" cannot be read: ${(cause as Error).message}.`, { cause });
  }
}

export const host: Host = { builds: [relaxed, simd, scalar], read };
export const load = loaderOf(host);
