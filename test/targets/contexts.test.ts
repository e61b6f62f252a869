/** Everywhere in a browser where code runs: page, Web Worker, service worker, AudioWorklet, extension worker; strict policy. */
import path from "node:path";
import { build } from "esbuild";
import { chromium, type Browser, type Page } from "playwright-core";
import type { Server } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeByRule } from "../../sdk/text-decoder.ts";
import { example, executablePath, html, inputText, launch, missing, remove, root, serve, strictPolicy, temporary, write } from "../packaging/project.ts";

const sdk = JSON.stringify(path.join(root, "dist/targets/browser/index.js")), folder = temporary("contexts");
/** `answer(source)`: the outputs as text, or the error. */
const shared = `import { load } from ${sdk};
const answer = (source) => load(source).then((m) => { const t = m.selfTest(); return t.passed ? m.run(${inputText}).join(" ") : "self-test failed"; }).catch((e) => "error: " + e.stack);
`;
const scripts: Record<string, string> = {
  "page.js": `${shared}globalThis.inPage = () => answer("model.octavo");
const reply = (target, start) => new Promise((done) => { target.onmessage = ({ data }) => done(data); start(); });
globalThis.inWorker = () => { const w = new Worker("worker.js"); return reply(w, () => w.postMessage("model.octavo")); };
globalThis.inServiceWorker = async () => {
  const { active } = await navigator.serviceWorker.register("service.js").then(() => navigator.serviceWorker.ready), { port1, port2 } = new MessageChannel();
  return reply(port1, () => active.postMessage("model.octavo", [port2]));
};
globalThis.inAudioWorklet = async () => {
  const context = new AudioContext(), bytes = await (await fetch("model.octavo")).arrayBuffer();
  await context.audioWorklet.addModule("audio.js");
  const node = new AudioWorkletNode(context, "octavo");
  return reply(node.port, () => node.port.postMessage(bytes));
};
`,
  "worker.js": `${shared}self.onmessage = async ({ data }) => postMessage(await answer(data));`,
  "service.js": `${shared}self.onmessage = async ({ data, ports }) => ports[0].postMessage(await answer(data));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));`,
  "audio.js": `${shared}registerProcessor("octavo", class extends AudioWorkletProcessor {
  constructor() {
    super();
    const lacks = typeof TextDecoder + " " + typeof URL + " " + typeof atob;
    this.port.onmessage = async ({ data }) => this.port.postMessage(lacks + " " + await answer(data));
  }
  process() { return true; }
});`,
  "extension/background.js": `${shared}globalThis.inExtension = () => answer(fetch(chrome.runtime.getURL("model.octavo")));`,
};
const manifest = { manifest_version: 3, name: "test", version: "1", background: { service_worker: "background.js" }, content_security_policy: { extension_pages: "script-src 'self' 'wasm-unsafe-eval'; object-src 'self'" } };

describe.skipIf(missing)(`contexts of a browser${missing && `: ${missing}`}`, () => {
  let browser: Browser, page: Page, server: Server, answer: string;

  beforeAll(async () => {
    const { model, ...rest } = await example();
    ({ answer } = rest);
    write(folder, { ...Object.fromEntries(Object.entries(scripts).map(([name, text]) => [`source/${name}`, text])), "index.html": html(`<script src="page.js"></script>`), "model.octavo": model,
      "extension/model.octavo": model, "extension/manifest.json": JSON.stringify(manifest) });
    await build({ entryPoints: Object.keys(scripts).map((name) => path.join(folder, "source", name)), outbase: path.join(folder, "source"), outdir: folder, bundle: true, format: "iife", minify: true });
    const { url, server: started } = await serve(folder, { "content-security-policy": `${strictPolicy}; img-src data:; worker-src 'self'` });
    server = started;
    browser = await launch();
    page = await browser.newPage();
    await page.goto(url);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    remove(folder);
  });

  test.each(["inPage", "inWorker", "inServiceWorker"])("%s", async (name) => expect(await page.evaluate(`${name}()`)).toBe(answer));

  test("inAudioWorklet, where TextDecoder, URL and atob do not exist", async () => {
    expect(await page.evaluate("inAudioWorklet()")).toBe(`undefined undefined undefined ${answer}`);
  });

  test("in the worker of an extension (manifest 3)", async () => {
    const extension = path.join(folder, "extension"), profile = temporary("profile");
    const context = await chromium.launchPersistentContext(profile, { executablePath, headless: false, ignoreDefaultArgs: ["--disable-extensions"],
      args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", `--disable-extensions-except=${extension}`, `--load-extension=${extension}`] });
    try {
      const worker = context.serviceWorkers()[0] ?? await context.waitForEvent("serviceworker", { timeout: 20_000 });
      expect(await worker.evaluate("inExtension()")).toBe(answer);
    } finally {
      await context.close();
      remove(profile);
    }
  });
});

test.each(["", "plain", "äöü – 中文 🎹", "\u0000\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}"])("text without TextDecoder: %j", (text) => {
  expect(decodeByRule(new TextEncoder().encode(text))).toBe(text);
});

test("broken UTF-8 gives replacement characters, never a stop", () => {
  for (const bytes of [[0x80], [0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x8e], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xff, 0x41], [0xf5, 0x80, 0x80, 0x80]]) {
    expect(decodeByRule(Uint8Array.from(bytes))).toContain("\ufffd");
  }
});
