/** The Worker of examples/worker as wrangler bundles it, in workerd: answers, refusals, and many requests at once. */
import { existsSync } from "node:fs";
import path from "node:path";
import { unstable_startWorker } from "wrangler";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digits } from "../../examples/digits.ts";

const root = path.resolve(import.meta.dirname, "../.."), example = path.join(root, "examples/worker");
const missing = existsSync(path.join(root, "dist/converter/index.js")) ? "" : "the package is not built";
const { x, labels } = digits(20, 9), images = Array.from(labels, (_, i) => Uint8Array.from(x.subarray(784 * i, 784 * (i + 1)), (v) => Math.round(255 * v)));

describe.skipIf(missing)(`examples/worker${missing && `: ${missing}`}`, () => {
  let worker: Awaited<ReturnType<typeof unstable_startWorker>>, url: URL;

  beforeAll(async () => {
    await (await import("../../scripts/example-worker.mjs")).makeModel();
    worker = await unstable_startWorker({ config: path.join(example, "wrangler.jsonc"), dev: { logLevel: "error", server: { port: 0 }, inspector: false } });
    url = await worker.url;
  });
  afterAll(() => worker?.dispose());

  const post = (body: BodyInit | undefined, type: string) => fetch(url, { method: "POST", body: body ?? null, headers: { "content-type": type } });
  const ask = (image: Uint8Array<ArrayBuffer>) => post(image, "application/octet-stream");

  test("it reads digits, as bytes and as JSON", async () => {
    for (const [i, image] of images.entries()) expect(await (await ask(image)).json()).toMatchObject({ digit: labels[i] });
    const json = await (await post(JSON.stringify({ pixels: [...images[3]!] }), "application/json; charset=utf-8")).json() as { probabilities: number[] };
    expect(json).toMatchObject({ digit: 3 });
    expect(json.probabilities.length).toBe(10);
  });

  test.each([
    ["empty", undefined, "application/octet-stream", 400], ["no JSON", "{pixels", "application/json", 400], ["another type", "1", "text/plain", 415],
    ["too long", new Uint8Array(20000), "application/octet-stream", 413], ["too short", new Uint8Array(783), "application/octet-stream", 422],
    ["no numbers", JSON.stringify({ pixels: Array(784).fill("1") }), "application/json", 422], ["null", "null", "application/json", 400],
  ])("%s: refused with a reason, and the next request works", async (_, body, type, status) => {
    const answer = await post(body as BodyInit, type);
    expect(answer.status).toBe(status);
    expect((await answer.json() as { error: string }).error.length).toBeGreaterThan(10);
    expect((await ask(images[0]!)).status).toBe(200);
  });

  test("GET is refused", async () => expect((await fetch(url)).status).toBe(405));

  test("1,000 requests, 50 at a time, without an error", async () => {
    let next = 0, right = 0;
    const one = async () => {
      while (next < 1000) {
        const i = next++ % images.length;
        if (((await (await ask(images[i]!)).json()) as { digit: number }).digit === labels[i]) right++;
      }
    };
    await Promise.all(Array.from({ length: 50 }, one));
    expect(right).toBe(1000);
  });
});
