/** Browsers: models come from URLs relative to the page; the `simd` build is inside the package's JavaScript. */
import { embeddedBuild } from "../../sdk/build.ts";
import { base64 } from "../../sdk/generated/simd.ts";
import type { Host } from "../../sdk/host.ts";
import { loaderOf, readResponse } from "../../sdk/load.ts";

export * from "../../sdk/index.ts";

export const simd = embeddedBuild("simd", base64);

export const host: Host = {
  builds: [simd],
  read: async (location, signal) => readResponse(await fetch(location, { signal: signal ?? null })),
};
export const load = loaderOf(host);
