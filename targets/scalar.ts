/** `octavo/scalar`: the scalar build, for `load(file, { builds: [scalar] })`. */
import { embeddedBuild } from "../sdk/build.ts";
import { base64 } from "../sdk/generated/scalar.ts";

export const scalar = embeddedBuild("scalar", base64);
