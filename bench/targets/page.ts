/** Browsers: the same, posted back. */
import { simd } from "octavo";
import { relaxed } from "octavo/relaxed";
import { scalar } from "octavo/scalar";
import { latencies } from "./latency.ts";

/** Put in by the build. */
declare const NAMES: string[];

async function main(): Promise<object> {
  const files: Record<string, Uint8Array> = {};
  for (const name of NAMES) files[name] = new Uint8Array(await (await fetch(`${name}.octavo`)).arrayBuffer());
  return { latencies: await latencies([scalar, simd, relaxed], files), version: navigator.userAgent };
}
void main().catch((error: Error) => ({ error: error.stack })).then((body) => fetch("results", { method: "POST", body: JSON.stringify(body) }));
