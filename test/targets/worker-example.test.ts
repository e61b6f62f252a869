/** The Worker of examples/worker as wrangler bundles it, in workerd: answers, refusals, and many requests at once. */
import { existsSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { unstable_startWorker } from "wrangler";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digits } from "../../examples/digits.ts";

/** A body of so many kilobytes whose length no header tells. */
const endless = (kilobytes: number) => new ReadableStream({
  pull(controller) {
    controller.enqueue(new Uint8Array(1024));
    if (--kilobytes === 0) controller.close();
  },
});

const root = path.resolve(import.meta.dirname, "../.."), example = path.join(root, "examples/worker");
const missing = existsSync(path.join(root, "dist/converter/index.js")) ? "" : "the package is not built";
const { x, labels } = digits(20, 9), images = Array.from(labels, (_, i) => Uint8Array.from(x.subarray(784 * i, 784 * (i + 1)), (v) => Math.round(255 * v)));

describe.skipIf(missing)(`examples/worker${missing && `: ${missing}`}`, () => {
  let worker: Awaited<ReturnType<typeof unstable_startWorker>>, url: URL;

  beforeAll(async () => {
    await (await import("../../scripts/example-worker.mjs")).makeModel();
    worker = await unstable_startWorker({ config: path.join(example, "wrangler.jsonc"), dev: { logLevel: "none", server: { port: 0 }, inspector: false } });
    url = await worker.url;
  });
  afterAll(() => worker?.dispose());

  const post = (body: BodyInit | undefined, type: string, method = "POST") =>
    fetch(url, { method, body: body ?? null, headers: type ? { "content-type": type } : {}, signal: AbortSignal.timeout(20_000), ...(body instanceof ReadableStream && { duplex: "half" }) } as RequestInit);
  const ask = (image: Uint8Array<ArrayBuffer>) => post(image, "application/octet-stream");

  test("it reads digits, as bytes and as JSON", async () => {
    for (const [i, image] of images.entries()) expect(await (await ask(image)).json()).toMatchObject({ digit: labels[i] });
    const json = await (await post(JSON.stringify({ pixels: [...images[3]!] }), "application/json; charset=utf-8")).json() as { probabilities: number[] };
    expect(json).toMatchObject({ digit: 3 });
    expect(json.probabilities.length).toBe(10);
  });

  const json = "application/json", bytes = "application/octet-stream", pixels = (values: unknown) => JSON.stringify({ pixels: values });
  test.each<[name: string, body: BodyInit | (() => BodyInit) | undefined, type: string, status: number]>([
    ["empty", undefined, bytes, 400], ["empty JSON", "", json, 400], ["no JSON", "{pixels", json, 400], ["null", "null", json, 400], ["no UTF-8", Uint8Array.of(0xff, 0xfe, 0x7b), json, 400],
    ["nested without end", "[".repeat(16000), json, 400], ["another type", "1", "text/plain", 415], ["no type", new Uint8Array(784), "", 415], ["a form", new URLSearchParams({ pixels: "1" }), "", 415],
    ["too long", new Uint8Array(20000), bytes, 413], ["too long, in chunks of unknown number", () => endless(64), bytes, 413], ["JSON too long", pixels(Array(5000).fill(1)) + " ".repeat(16384), json, 413],
    ["too short", new Uint8Array(783), bytes, 422], ["no pixels", "{}", json, 422], ["an array", "[1, 2, 3]", json, 422], ["text for pixels", pixels("1".repeat(784)), json, 422],
    ["an object that says it has 784", pixels({ length: 784 }), json, 422], ["no numbers", pixels(Array(784).fill("1")), json, 422], ["nulls", pixels(Array(784).fill(null)), json, 422],
    ["too bright", pixels(Array(784).fill(256)), json, 422], ["negative", pixels(Array(784).fill(-1)), json, 422], ["infinite", `{ "pixels": [${"1e999,".repeat(783)}0] }`, json, 422],
  ])("%s: refused with a reason, and the next request works", async (_, body, type, status) => {
    const answer = await post(typeof body === "function" ? body() : body, type);
    expect(answer.status).toBe(status);
    expect((await answer.json() as { error: string }).error.length).toBeGreaterThan(10);
    expect((await ask(images[0]!)).status).toBe(200);
  });

  test.each(["GET", "PUT", "DELETE", "PATCH"])("%s is refused", async (method) => expect((await post(undefined, bytes, method)).status).toBe(405));

  test("a client that leaves in the middle of its body, and the next request works", async () => {
    for (let i = 0; i < 20; i++) {
      await new Promise<void>((left) => {
        const socket = connect(Number(url.port), url.hostname, () => socket.write(`POST / HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: ${bytes}\r\ncontent-length: 784\r\n\r\n0123456789`, () => socket.destroy()));
        socket.on("close", () => left()).on("error", () => left());
      });
    }
    expect(await (await ask(images[3]!)).json()).toMatchObject({ digit: 3 });
  });

  test("1,000 requests, 50 at a time, every twentieth malformed, without another error", async () => {
    let next = 0, right = 0;
    const one = async () => {
      while (next < 1000) {
        const n = next++, i = n % images.length, malformed = n % 20 === 0;
        const answer = malformed ? await post(new Uint8Array(n % 700), bytes) : await ask(images[i]!), { digit } = await answer.json() as { digit?: number };
        if (malformed ? answer.status === (n % 700 ? 422 : 400) : digit === labels[i]) right++;
      }
    };
    await Promise.all(Array.from({ length: 50 }, one));
    expect(right).toBe(1000);
  });
});
