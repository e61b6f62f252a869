import { embeddedBuild } from "../../../sdk/build.ts";
import { base64 } from "../../../sdk/generated/scalar-train.ts";
import { simd } from "../../../targets/browser/index.ts";
import { simd as trainSimd } from "../../../targets/browser/train.ts";
import { relaxed } from "../../../targets/relaxed.ts";
import { scalar } from "../../../targets/scalar.ts";

export { load } from "../../../targets/browser/index.ts";
export { trainer } from "../../../targets/browser/train.ts";
export const engine = navigator.userAgent.match(/Chrome\/[\d.]+/)?.[0] ?? navigator.userAgent, builds = [scalar, simd, relaxed], trainBuilds = [embeddedBuild("scalar", base64), trainSimd];
