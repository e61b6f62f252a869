/** Node: models come from disk or a URL; all builds are inside the package's JavaScript. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { embeddedBuild } from "../../sdk/build.ts";
import { OctavoError } from "../../sdk/errors.ts";
import { base64 as relaxedBase64 } from "../../sdk/generated/relaxed.ts";
import { base64 as scalarBase64 } from "../../sdk/generated/scalar.ts";
import { base64 as simdBase64 } from "../../sdk/generated/simd.ts";
import type { Host } from "../../sdk/host.ts";
import { loaderOf, readResponse } from "../../sdk/load.ts";
import { hasExactDots } from "../../sdk/relaxed.ts";

export * from "../../sdk/index.ts";

const decode = (text: string): Uint8Array<ArrayBuffer> => Buffer.from(text, "base64");

export const relaxed = embeddedBuild("relaxed", relaxedBase64, decode, hasExactDots);
export const simd = embeddedBuild("simd", simdBase64, decode);
export const scalar = embeddedBuild("scalar", scalarBase64, decode);

async function read(location: string | URL, signal?: AbortSignal): Promise<Uint8Array> {
  if (location instanceof URL && location.protocol !== "file:") return readResponse(await fetch(location, { signal: signal ?? null }));
  try {
    return await readFile(location, { signal });
  } catch (cause) {
    throw new OctavoError("ERR_OCTAVO_SOURCE", `load: "${location}" cannot be read: ${(cause as Error).message}.`, { cause });
  }
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

export const host: Host = { builds: [relaxed, simd, scalar], read, sha256 };
export const load = loaderOf(host);
