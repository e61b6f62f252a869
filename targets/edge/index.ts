/** Edge functions of Next.js (condition `edge-light`): `?module` imports a compiled module. */
import module from "../../build/simd.wasm?module";
import { compiledBuild } from "../../sdk/build.ts";
import { loaderOf } from "../../sdk/load.ts";
import { workerHost } from "../worker-host.ts";

export * from "../../sdk/index.ts";

export const simd = compiledBuild("simd", module);
export const host = workerHost(simd);
export const load = loaderOf(host);
