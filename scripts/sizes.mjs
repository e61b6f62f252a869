// Bytes of every function of a module that has a name section: node scripts/sizes.mjs FILE.wasm [ROWS]
import { readFileSync } from "node:fs";

const bytes = readFileSync(process.argv[2]), rows = Number(process.argv[3] ?? 40);
let at = 8;
const leb = () => { let value = 0, shift = 0, b; do { b = bytes[at++]; value |= (b & 127) << shift; shift += 7; } while (b & 128); return value >>> 0; };
const text = () => { const n = leb(); at += n; return bytes.toString("utf8", at - n, at); };
const sizes = [], names = new Map();
let imported = 0;
while (at < bytes.length) {
  const id = bytes[at++], end = leb() + at;
  if (id === 10) for (let n = leb(); n > 0; n--) { const size = leb(); sizes.push(size); at += size; }
  if (id === 0 && text() === "name") while (at < end) {
    const kind = bytes[at++], next = leb() + at;
    if (kind === 1) for (let n = leb(); n > 0; n--) names.set(leb(), text());
    at = next;
  }
  at = end;
}
const all = sizes.map((size, i) => [size, names.get(i + imported) ?? `function ${i}`]).sort((a, b) => b[0] - a[0]);
console.log(`${bytes.length} bytes, code ${sizes.reduce((a, b) => a + b, 0)} in ${sizes.length} functions`);
for (const [size, name] of all.slice(0, rows)) console.log(String(size).padStart(7), name);
