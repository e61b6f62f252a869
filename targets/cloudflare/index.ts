/** Cloudflare Workers: the kernels are a compiled module of the bundle; models come as bytes, from fetch, KV, R2 or assets. */
import module from "../../build/simd.wasm";
import { compiledBuild } from "../../sdk/build.ts";
import { OctavoError } from "../../sdk/errors.ts";
import type { Host } from "../../sdk/host.ts";
import { loaderOf, readResponse } from "../../sdk/load.ts";

export * from "../../sdk/index.ts";

export const simd = compiledBuild("simd", module);

export const host: Host = {
  builds: [simd],
  read: async (location, signal) => {
    if (typeof location === "string") throw new OctavoError("ERR_OCTAVO_SOURCE", `load: a Worker has no files, found the path "${location}". Pass a URL object, a Response, or bytes (from the bundle, KV or R2).`);
    return readResponse(await fetch(location, { signal: signal ?? null }));
  },
};
export const load = loaderOf(host);
