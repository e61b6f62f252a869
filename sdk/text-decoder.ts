/** UTF-8 → text, also where there is no TextDecoder (AudioWorklets); and a stand-in for it while the loader starts. */
const scope = globalThis as { TextDecoder?: unknown };
const missing = typeof scope.TextDecoder === "undefined";
if (missing) scope.TextDecoder = class {};

/** The global scope is as it was: nobody mistakes the stand-in for a decoder. */
export function removeStandIn(): void {
  if (missing) delete scope.TextDecoder;
}

export const decodeUtf8 = (bytes: Uint8Array): string => (missing ? decodeByRule(bytes) : new TextDecoder().decode(bytes));

/** RFC 3629: the first byte tells how many follow, each of those gives six bits. Broken sequences become U+FFFD. */
export function decodeByRule(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const first = bytes[i++]!, count = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
    let code = count < 1 ? first : first & (0x3f >> count), left = count;
    while (left > 0 && (bytes[i]! & 0xc0) === 0x80) {
      code = (code << 6) | (bytes[i++]! & 0x3f);
      left--;
    }
    const whole = left === 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) && !(count === 2 && code < 0x800) && !(count === 3 && code < 0x10000);
    text += String.fromCodePoint(whole ? code : 0xfffd);
  }
  return text;
}
