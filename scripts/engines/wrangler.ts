/** A Worker in workerd, by wrangler: on a free port, quietly, and without a look at the network. */
import { createRequire } from "node:module";
import { unstable_startWorker } from "wrangler";

process.env.CLOUDFLARE_CF_FETCH_ENABLED ??= "false";
process.env.WRANGLER_SEND_METRICS ??= "false";

/** @param config path of a wrangler configuration · @param use what to do with the Worker at `url`, which ends afterwards */
export async function withWorker<T>(config: string, use: (url: URL) => Promise<T>): Promise<T> {
  const worker = await unstable_startWorker({ config, dev: { logLevel: "none", server: { port: 0 }, inspector: false } });
  try {
    await worker.ready;
    return await use(await worker.url);
  } finally {
    await worker.dispose();
  }
}

export const workerdVersion = (): string => (createRequire(createRequire(import.meta.url).resolve("wrangler"))("workerd/package.json") as { version: string }).version;
