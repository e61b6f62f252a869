import { simd } from "../../../targets/cloudflare/index.ts";

export { load } from "../../../targets/cloudflare/index.ts";
export const engine = navigator.userAgent, builds = [simd];
