/** The sections that bench:targets measured. */
import type { TargetResult, TargetResults } from "../results.ts";
import type { WorkerResult } from "../targets/worker-example.ts";
import { kilobytes, milliseconds, table, times } from "./table.ts";

const REFERENCE = "Node 26";

export function targetSections({ models, targets, skipped, worker }: TargetResults): string[] {
  const reference = targets[REFERENCE]?.latencies.simd, rows = Object.entries(targets).map(([name, target]) => rowOf(name, target, models, reference)), absent = Object.entries(skipped).map(([name, why]) => `${name} (${why})`).join(", "), missing = absent && ` Not measured: ${absent}.`;
  return [`## Targets

The same model files on every target, one after the other: milliseconds per inference in the \`simd\` build, float in and out, shortest of many windows; how much slower the slowest of the
models is than in ${REFERENCE}; the \`relaxed\` and \`scalar\` builds; time to the first answer of ${models[0]} and how far that lies beyond the same without Octavo (an empty page, \`-e 0\`,
\`import wasmtime\`; workerd: a request that brings and loads the model against an empty one). Node, Bun, Deno, wasmtime: a fresh process, spawn to exit.`,
  table(["target", "version", ...models.map((m) => `${m} simd`), `: ${REFERENCE}`, `${models[0]} relaxed`, `${models[0]} scalar`, "first answer", "beyond empty"], rows),
  `node:wasi and wasmtime run the command \`octavo-run\`, which reads and writes every sample through WASI: two calls of some microseconds that short models feel. Firefox compiles
SIMD by other rules than V8; workerd checks every load by code. wasmtime starts from its code cache; the first time ever it compiles for a quarter of a second.${missing}`,
  ...(worker ? workerSection(worker) : [])];
}

function rowOf(name: string, { version, latencies, cold }: TargetResult, models: readonly string[], reference: Record<string, number> | undefined): string[] {
  const { simd = {}, relaxed = {}, scalar = {} } = latencies, ratios = models.flatMap((m) => (simd[m] && reference?.[m] ? [simd[m] / reference[m]] : []));
  const first = models[0]!, others = [relaxed[first], scalar[first], cold?.ms, cold && Math.max(0, cold.ms - cold.empty)];
  return [name, version, ...models.map((m) => milliseconds(simd[m])), ratios.length ? times(Math.max(...ratios)) : "–", ...others.map(milliseconds)];
}

const ms = (value: number) => `${milliseconds(value)} ms`;

function workerSection({ firstMs, secondMs, requests, concurrency, errors, perSecond, p50Ms, p99Ms, bundleBytes, bundleGzip }: WorkerResult): string[] {
  return [`### The example Worker

\`examples/worker\` under \`wrangler\`'s workerd on loopback, its client on the same two cores: a digit per request.`,
  table(["first request", "second", `${requests.toLocaleString("en")} requests, ${concurrency} at a time`, "errors", "requests/s", "p50", "p99", "bundle", "bundle, gzip"],
    [[ms(firstMs), ms(secondMs), `${(requests / perSecond).toFixed(1)} s`, String(errors), perSecond.toFixed(0), ms(p50Ms), ms(p99Ms), kilobytes(bundleBytes), kilobytes(bundleGzip)]])];
}
