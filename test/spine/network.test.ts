/** No request leaves the process while a model is read, converted, loaded, run and trained. */
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { convert } from "../../converter/convert.ts";
import { digits } from "../../examples/digits.ts";
import { load } from "../../targets/node/index.ts";
import { trainer as trainerOf } from "../../targets/node/train.ts";

const requests: string[] = [];
const record = (what: string) => (...args: unknown[]): never => {
  requests.push(`${what} ${String(args[0])}`);
  throw new Error("no network in this test");
};

beforeEach(() => {
  requests.length = 0;
  vi.stubGlobal("fetch", record("fetch"));
  vi.spyOn(http, "request").mockImplementation(record("http") as never);
  vi.spyOn(https, "request").mockImplementation(record("https") as never);
  vi.spyOn(net.Socket.prototype, "connect").mockImplementation(record("socket") as never);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test("converting, loading, running and training asks nobody", async () => {
  const source = readFileSync(path.resolve(import.meta.dirname, "../../examples/models/digits-lstm.onnx")), { x, labels } = digits(4);
  const samples = [0, 1, 2, 3].map((i) => ({ input: x.subarray(784 * i, 784 * (i + 1)) }));
  const { model } = await convert(source, { name: "digits-lstm.onnx", samples, trainable: "last" }), loaded = await load(model), trainer = trainerOf(loaded);
  loaded.run(x);
  await trainer.fit({ x, labels }, { epochs: 2 });
  trainer.commit();
  expect(requests).toEqual([]);
});

test("the recorder sees a request", () => {
  expect(() => fetch("http://127.0.0.1:9/")).toThrow();
  expect(requests).toEqual(["fetch http://127.0.0.1:9/"]);
});
