/**
 * The relaxed build as every kind of host runs it: its only relaxed instruction is replaced by a function of exact ones,
 * which takes the second operand as signed, as unsigned, or as unsigned with saturating sums of two products.
 */
import binaryen from "binaryen";
import { compiledBuild, type Build } from "../../sdk/build.ts";
import { base64 } from "../../sdk/generated/relaxed.ts";

const INSTRUCTION = "i32x4.relaxed_dot_i8x16_i7x16_add_s";
const LARGEST = "(i32x4.splat (i32.const 32767))", LEAST = "(i32x4.splat (i32.const -32768))";
const products = (part: "low" | "high", sign: "s" | "u") => `(i32x4.dot_i16x8_s (i16x8.extend_${part}_i8x16_s (local.get $a)) (i16x8.extend_${part}_i8x16_${sign} (local.get $b)))`;
const saturated = (sums: string) => `(i32x4.min_s (i32x4.max_s ${sums} ${LEAST}) ${LARGEST})`;
const lanes = (...indices: number[]) => indices.flatMap((i) => [0, 1, 2, 3].map((byte) => 4 * i + byte)).join(" ");

/** [sums of two products of the lower bytes, of the upper bytes] of each host. */
const hosts = {
  signed: [products("low", "s"), products("high", "s")],
  unsigned: [products("low", "u"), products("high", "u")],
  saturating: [saturated(products("low", "u")), saturated(products("high", "u"))],
} as const;

const text = textOf(Buffer.from(base64, "base64"));
if (!text.includes(INSTRUCTION)) throw new Error(`the relaxed build has no ${INSTRUCTION}`);

function relaxedOn([low, high]: readonly [string, string]): Build {
  const soft = `(func $soft (param $a v128) (param $b v128) (param $sum v128) (result v128) (local $low v128) (local $high v128)
    (local.set $low ${low}) (local.set $high ${high})
    (i32x4.add (local.get $sum) (i32x4.add
      (i8x16.shuffle ${lanes(0, 2, 4, 6)} (local.get $low) (local.get $high))
      (i8x16.shuffle ${lanes(1, 3, 5, 7)} (local.get $low) (local.get $high)))))`;
  return compiledBuild("relaxed", moduleOf(text.replaceAll(`(${INSTRUCTION}`, "(call $soft").replace(/\)\s*$/, `${soft})`)));
}

function textOf(bytes: Uint8Array): string {
  const module = binaryen.readBinary(bytes);
  module.setFeatures(binaryen.Features.All);
  return module.emitText();
}

function moduleOf(text: string): WebAssembly.Module {
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  return new WebAssembly.Module(module.emitBinary() as Uint8Array<ArrayBuffer>);
}

export const relaxedHosts = { signed: relaxedOn(hosts.signed), unsigned: relaxedOn(hosts.unsigned), saturating: relaxedOn(hosts.saturating) };
