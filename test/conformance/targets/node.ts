import { relaxed, scalar, simd } from "../../../targets/node/index.ts";

export { load } from "../../../targets/node/index.ts";
export const engine = `Node ${process.version}`, builds = [scalar, simd, relaxed];
