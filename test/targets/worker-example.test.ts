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
    expect(json.probabilities.length).toBe(11);
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

  /** A cross of two strokes, a little different each time. */
  const cross = (k: number) => Uint8Array.from({ length: 784 }, (_, i) => {
    const x = (i % 28) - 14 + Math.sin(k), y = Math.floor(i / 28) - 14 + Math.cos(2 * k);
    return Math.max(Math.abs(x), Math.abs(y)) < 10 && Math.abs(Math.abs(x) - Math.abs(y)) < 1.5 ? 255 : 0;
  });
  const at = (route: string, method: string, body?: BodyInit, type = "application/json") => fetch(new URL(route, url), { method, body: body ?? null, headers: { "content-type": type } });
  const lesson = (count: number, label = 10) => JSON.stringify({ drawings: Array.from({ length: count }, (_, k) => ({ pixels: [...cross(k)], label })) });
  const asks = async (person: string, image: Uint8Array<ArrayBuffer>) => (await at(`/people/${person}`, "POST", image, "application/octet-stream")).json();

  test("each person has a model of their own: what one taught, another does not know; what was forgotten is gone", async () => {
    expect(await asks("ann", cross(30))).not.toHaveProperty("symbol");
    expect(await (await at("/people/ann/lessons", "POST", lesson(10))).json()).toMatchObject({ learned: true, bytes: expect.any(Number) });
    for (const k of [30, 31, 32]) expect(await asks("ann", cross(k))).toMatchObject({ symbol: true });
    for (const [i, image] of images.entries()) expect(await asks("ann", image)).toMatchObject({ digit: labels[i] });
    expect(await asks("bob", cross(30))).not.toHaveProperty("symbol");
    expect(await (await ask(cross(30))).json()).not.toHaveProperty("symbol");
    expect(await (await at("/people/ann", "DELETE")).json()).toEqual({ forgotten: true });
    expect(await asks("ann", cross(30))).not.toHaveProperty("symbol");
  });

  test.each([["no JSON", "{", 400], ["null", "null", 400], ["no drawings", "{}", 422], ["a label that is none", lesson(1, 11), 422], ["too few pixels", JSON.stringify({ drawings: [{ pixels: [1], label: 3 }] }), 422], ["too much", `"${"x".repeat(300_000)}"`, 413]])("a lesson with %s is refused", async (_, body, status) => {
    const answer = await at("/people/ann/lessons", "POST", body);
    expect(answer.status).toBe(status);
    expect((await answer.json() as { error: string }).error.length).toBeGreaterThan(5);
  });

  test("unknown paths are refused", async () => {
    for (const route of ["/nothing", "/people", "/people/ann/other", "/people/ann/lessons/more"]) expect((await at(route, "POST", "{}")).status).toBe(404);
    expect((await at("/people/ann/lessons", "GET")).status).toBe(405);
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
