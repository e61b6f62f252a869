/** Base64 → bytes by the platform where it can, by table where it cannot (AudioWorklets have no atob). */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  return (Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }).fromBase64?.(text) ?? decodeByTable(text);
}

/** Four characters are three bytes; "=" fills the last group. */
export function decodeByTable(text: string): Uint8Array<ArrayBuffer> {
  const values = new Uint8Array(128);
  for (let i = 0; i < 64; i++) values[ALPHABET.charCodeAt(i)] = i;
  const fill = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0, bytes = new Uint8Array((text.length / 4) * 3 - fill);
  for (let i = 0, o = 0; i < text.length; i += 4) {
    const group = (values[text.charCodeAt(i)]! << 18) | (values[text.charCodeAt(i + 1)]! << 12) | (values[text.charCodeAt(i + 2)]! << 6) | values[text.charCodeAt(i + 3)]!;
    bytes[o++] = group >> 16;
    bytes[o++] = group >> 8;
    bytes[o++] = group;
  }
  return bytes;
}
