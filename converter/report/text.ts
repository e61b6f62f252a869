/** Figures as people read them. */

/** `1234567` → `1.18 MB`; 1 KB is 1024 bytes. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1024 / 1024).toFixed(2)} MB`;
}

/** `2700000` → `2.70 M` */
export function countText(count: number): string {
  const [unit, size] = ([["G", 1e9], ["M", 1e6], ["k", 1e3]] as const).find(([, s]) => count >= s) ?? ["", 1];
  return unit ? `${(count / size).toFixed(2)} ${unit}` : String(count);
}

export const decibelText = (db: number): string => (db === Infinity ? "exact" : Number.isFinite(db) ? `${db.toFixed(1)} dB` : "–");
export const microsText = (us: number): string => (us < 1000 ? `${us.toPrecision(3)} µs` : `${(us / 1000).toPrecision(3)} ms`);
export const shapeText = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/**
 * A layer's name in so many letters: the first of TFLite's joined names; of PyTorch's path no repetition
 * (`/blocks/blocks.1/conv/conv.0/Conv/conv2d_1` → `blocks.1/conv.0/Conv`); then the middle gives way, since the end tells layers apart.
 */
export function shorten(name: string, letters: number): string {
  const first = name.split(";")[0] || name, short = first.startsWith("/") ? path(first.slice(1).split("/")) : first;
  if (short.length <= letters) return short;
  const head = Math.floor((letters - 1) / 3);
  return `${short.slice(0, head)}…${short.slice(short.length - (letters - 1 - head))}`;
}

function path(parts: string[]): string {
  const own = parts.length > 1 && /^[a-z]\w*_\d+$/.test(parts.at(-1)!) ? parts.slice(0, -1) : parts;
  return own.filter((part, i) => !own[i + 1]?.startsWith(`${part}.`)).join("/") || parts.join("/");
}
