/** The builds of the training module. */
import { embeddedBuild } from "../../sdk/build.ts";
import { base64 as scalarBase64 } from "../../sdk/generated/scalar-train.ts";
import { base64 as simdBase64 } from "../../sdk/generated/simd-train.ts";

const decode = (text: string): Uint8Array<ArrayBuffer> => Buffer.from(text, "base64");

export const trainSimd = embeddedBuild("simd", simdBase64, decode);
export const trainScalar = embeddedBuild("scalar", scalarBase64, decode);
