/** One model, one input, and the digest of the right answer; as text, so that it can be handed to any engine. */
export interface Case { name: string; model: string; input: string; digest: string }

export const toBase64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(""));
export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** First 16 hexadecimal digits of the SHA-256 of the values' bytes. */
export async function digestOf(values: Float32Array): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength));
  return Array.from(new Uint8Array(hash).subarray(0, 8), (b) => b.toString(16).padStart(2, "0")).join("");
}
