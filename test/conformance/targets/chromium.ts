import { simd } from "../../../targets/browser/index.ts";
import { relaxed } from "../../../targets/relaxed.ts";
import { scalar } from "../../../targets/scalar.ts";

export { load } from "../../../targets/browser/index.ts";
export const engine = navigator.userAgent.match(/Chrome\/[\d.]+/)?.[0] ?? navigator.userAgent, builds = [scalar, simd, relaxed];
