import { relaxed, scalar, simd } from "../../../targets/node/index.ts";
import { trainScalar, trainSimd } from "../../../targets/node/train-builds.ts";

export { load } from "../../../targets/node/index.ts";
export { trainer } from "../../../targets/node/train.ts";
export const engine = `Node ${process.version}`, builds = [scalar, simd, relaxed], trainBuilds = [trainScalar, trainSimd];
