/** Cloudflare Workers: the kernels are a compiled module of the bundle; models come as bytes, from fetch, KV, R2 or assets. */
import module from "../../build/simd.wasm";
import { compiledBuild } from "../../sdk/build.ts";
import { loaderOf } from "../../sdk/load.ts";
import { workerHost } from "../worker-host.ts";

export * from "../../sdk/index.ts";

export const simd = compiledBuild("simd", module);
export const host = workerHost(simd);
export const load = loaderOf(host);
