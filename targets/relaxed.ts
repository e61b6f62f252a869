/** `octavo/relaxed`: the relaxed build, for `load(file, { builds: [relaxed] })`. */
import { embeddedBuild } from "../sdk/build.ts";
import { base64 } from "../sdk/generated/relaxed.ts";
import { hasExactDots } from "../sdk/relaxed.ts";

export const relaxed = embeddedBuild("relaxed", base64, undefined, hasExactDots);
