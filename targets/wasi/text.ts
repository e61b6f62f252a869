/** Words and numbers as commands read and write them. AssemblyScript. */
import { STDERR, lengthOf, writeFully } from "./wasi";

const buffer = memory.data(512);

export function isWord(word: usize, text: string): bool {
  if (!word || lengthOf(word) != text.length) return false;
  for (let i = 0; i < text.length; i++) if (load<u8>(word + i) != <u8>text.charCodeAt(i)) return false;
  return true;
}

/** A decimal number as 12, 0.05 or 1e-3; NaN for anything else. Up to 15 digits give the double that JavaScript reads. */
export function numberOf(word: usize): f64 {
  let digits: f64 = 0, exponent = 0, at = word, some = false, point = false;
  for (let c = load<u8>(at); <u32>c - 48 < 10 || (c == 0x2e && !point); c = load<u8>(++at)) {
    if (c == 0x2e) point = true;
    else {
      digits = digits * 10 + <f64>(c - 48);
      exponent -= point ? 1 : 0;
      some = true;
    }
  }
  if ((load<u8>(at) | 0x20) == 0x65) {
    const negative = load<u8>(++at) == 0x2d;
    let e = 0;
    if (negative) at++;
    for (some = false; <u32>load<u8>(at) - 48 < 10 && e < 400; at++, some = true) e = e * 10 + <i32>load<u8>(at) - 48;
    exponent += negative ? -e : e;
  }
  return some && load<u8>(at) == 0 ? (exponent < 0 ? digits / power(-exponent) : digits * power(exponent)) : NaN;
}

/** 10^n, exact to 10^22. */
function power(n: i32): f64 {
  let p: f64 = 1;
  for (; n > 0; n--) p *= 10;
  return p;
}

export function say(text: string): void {
  const length = min(text.length, 512);
  for (let i = 0; i < length; i++) store<u8>(buffer + i, <u8>text.charCodeAt(i));
  writeFully(STDERR, buffer, length);
}

/** With six digits behind the point. */
export function sayNumber(value: f64, decimals: i32 = 6): void {
  const scale = power(decimals), scaled = <u64>nearest(value * scale);
  let at = 512, left = scaled;
  for (let i = 0; i <= decimals || left; i++) {
    if (decimals && i == decimals) store<u8>(buffer + --at, 0x2e);
    store<u8>(buffer + --at, <u8>(48 + left % 10));
    left /= 10;
  }
  writeFully(STDERR, buffer + at, 512 - at);
}

/** `message`, and `word` after it where there is one; a line. */
export function sayLine(message: string, word: usize = 0): void {
  say(message);
  if (word) writeFully(STDERR, word, lengthOf(word));
  say("\n");
}
