/** The Worker of examples/worker in workerd: first request, many requests on loopback, bytes of its bundle. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { execFileSync } from "node:child_process";
import os from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "../../scripts/engines/tools.ts";
import { withWorker } from "../../scripts/engines/wrangler.ts";
import { digits } from "../../examples/digits.ts";
import { quantile } from "../../targets/cli/bench.ts";

/** `firstMs` holds the start of the isolate, `secondMs` does not. */
export interface WorkerResult { firstMs: number; secondMs: number; requests: number; concurrency: number; errors: number; perSecond: number; p50Ms: number; p99Ms: number; bundleBytes: number; bundleGzip: number }
const example = path.join(root, "examples/worker"), REQUESTS = 1000, CONCURRENCY = 50, STARTS = 4;

const withExample = <T>(use: (url: URL) => Promise<T>): Promise<T> => withWorker(path.join(example, "wrangler.jsonc"), use);

/** Milliseconds of one request, or NaN where the answer was no digit. */
async function ask(url: URL, image: Uint8Array<ArrayBuffer>): Promise<number> {
  const start = performance.now(), response = await fetch(url, { method: "POST", body: image, headers: { "content-type": "application/octet-stream" } }), { digit } = await response.json() as { digit?: number };
  return digit === undefined ? NaN : performance.now() - start;
}

async function load(url: URL, images: readonly Uint8Array<ArrayBuffer>[]): Promise<{ times: number[]; seconds: number }> {
  const times: number[] = [], start = performance.now();
  let next = 0;
  const client = async () => { while (next < REQUESTS) times.push(await ask(url, images[next++ % images.length]!)); };
  await Promise.all(Array.from({ length: CONCURRENCY }, client));
  return { times, seconds: (performance.now() - start) / 1000 };
}

/** What `wrangler deploy` would upload. */
function bundle(): { bundleBytes: number; bundleGzip: number } {
  const out = mkdtempSync(path.join(os.tmpdir(), "octavo-worker-"));
  execFileSync(process.execPath, [path.join(root, "node_modules/wrangler/bin/wrangler.js"), "deploy", "--dry-run", "--outdir", out], { cwd: example, stdio: "ignore" });
  const files = readdirSync(out).filter((f) => /\.(js|wasm|octavo)$/.test(f)).map((f) => readFileSync(path.join(out, f)));
  rmSync(out, { recursive: true });
  return { bundleBytes: files.reduce((n, f) => n + f.length, 0), bundleGzip: files.reduce((n, f) => n + gzipSync(f, { level: 9 }).length, 0) };
}

export async function measureWorker(): Promise<WorkerResult> {
  await (await import("../../scripts/example-worker.mjs")).makeModel();
  const { x } = digits(20, 9), images = Array.from({ length: 20 }, (_, i) => Uint8Array.from(x.subarray(784 * i, 784 * (i + 1)), (v) => Math.round(255 * v)));
  const first: number[] = [], second: number[] = [];
  for (let i = 0; i < STARTS; i++) await withExample(async (url) => {
    first.push(await ask(url, images[0]!));
    second.push(await ask(url, images[0]!));
  });
  const { times, seconds } = await withExample(async (url) => {
    await load(url, images);
    return load(url, images);
  });
  const good = times.filter((t) => t >= 0).sort((a, b) => a - b), quantiles = { p50Ms: quantile(good, 0.5), p99Ms: quantile(good, 0.99) };
  const starts = { firstMs: Math.min(...first), secondMs: Math.min(...second) };
  return { ...starts, requests: REQUESTS, concurrency: CONCURRENCY, errors: times.length - good.length, perSecond: REQUESTS / seconds, ...quantiles, ...bundle() };
}
