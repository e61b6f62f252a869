import { simd } from "../../../targets/cloudflare/index.ts";
import { simd as trainSimd } from "../../../targets/cloudflare/train.ts";

export { load } from "../../../targets/cloudflare/index.ts";
export { trainer } from "../../../targets/cloudflare/train.ts";
export const engine = navigator.userAgent, builds = [simd], trainBuilds = [trainSimd];
