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

/** A layer's name in so many letters: the first of TFLite's joined names; the middle gives way, since the end tells layers apart. */
export function shorten(name: string, letters: number): string {
  const first = name.split(";")[0] || name;
  if (first.length <= letters) return first;
  const head = Math.floor((letters - 1) / 3);
  return `${first.slice(0, head)}…${first.slice(first.length - (letters - 1 - head))}`;
}
