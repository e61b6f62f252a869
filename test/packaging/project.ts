/** Throw-away projects that use the packed package, and a Chromium that opens what they built. */
import { execFile, execFileSync } from "node:child_process";
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { chromium, type Browser } from "playwright-core";
import { digits } from "../../examples/digits.ts";
import { convert } from "../../targets/converter.ts";
import { load, scalar } from "../../targets/node/index.ts";
import { trainer as trainerOf } from "../../targets/node/train.ts";

export const root = path.resolve(import.meta.dirname, "../.."), executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const missing = !existsSync(executablePath) ? `Chromium is not at ${executablePath}` : !existsSync(path.join(root, "dist/bundled.js")) ? "the package is not built" : "";
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
export const strictPolicy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

export const launch = (more: readonly string[] = []): Promise<Browser> => chromium.launch({ executablePath, args: [...args, ...more] });
const execute = promisify(execFile);
/** Output of a program; its own words are part of the error if it fails. */
export const run = async (cwd: string, program: string, ...words: string[]): Promise<string> => {
  const env: NodeJS.ProcessEnv = { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1", CI: "1" };
  for (const name of Object.keys(env)) if (/^(VITEST|NODE_OPTIONS)/.test(name)) delete env[name];
  return execute(program, words, { cwd, env, maxBuffer: 1 << 26 }).then((r) => r.stdout, (e: { stdout: string; stderr: string; message: string }) => { throw new Error(`${e.message}\n${e.stdout}\n${e.stderr}`); });
};

export const temporary = (name: string): string => realpathSync(mkdtempSync(path.join(tmpdir(), `octavo-${name}-`)));
export const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true });

/** @returns path of the tarball that `npm publish` would send */
export function pack(folder: string): string {
  const [{ filename }] = JSON.parse(execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })) as [{ filename: string }];
  return path.join(folder, filename);
}

/** A folder with these files and the package in node_modules; no dependencies but the loader, no network. */
export function project(tarball: string, files: Record<string, string | Uint8Array>, folder = temporary("project")): string {
  const modules = path.join(folder, "node_modules");
  mkdirSync(path.join(modules, "octavo"), { recursive: true });
  execFileSync("tar", ["xf", tarball, "-C", path.join(modules, "octavo"), "--strip-components", "1"]);
  symlinkSync(path.join(root, "node_modules/@assemblyscript"), path.join(modules, "@assemblyscript"));
  write(folder, files);
  return folder;
}

export function write(folder: string, files: Record<string, string | Uint8Array>): void {
  for (const [file, data] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), data);
  }
}

/** An int8 model that can be trained, what it answers to `inputText`, and that with what it answers after one step on it. */
export async function example(): Promise<{ model: Uint8Array; answer: string; trained: string }> {
  const { x } = digits(8, 2), samples = ([port]: readonly { name: string }[]) => Array.from({ length: 8 }, (_, i) => ({ [port!.name]: x.subarray(784 * i, 784 * (i + 1)) }));
  const { model } = await convert(readFileSync(path.join(root, "examples/models/digits-cnn.h5")), { name: "digits-cnn.h5", samples, trainable: "last" });
  const loaded = await load(model, { builds: [scalar] }), input = Float32Array.from({ length: 784 }, (_, i) => ((i * 37) % 255) / 255), answer = loaded.run(input).join(" ");
  const trainer = trainerOf(loaded, { learningRate: 0.05 }), loss = trainer.step(input, [3]);
  trainer.commit();
  return { model, answer, trained: `${answer} ${loss} ${loaded.run(input).join(" ")}` };
}

/** JavaScript expression of the input. */
export const inputText = "Float32Array.from({ length: 784 }, (_, i) => ((i * 37) % 255) / 255)";
/** JavaScript of a function: a model's answer, the loss of a training step on the input, and the answer after it. Needs `trainerOf`. */
export const trainingText = `(model) => {
  const x = ${inputText}, y = model.run(x).join(" "), trainer = trainerOf(model, { learningRate: 0.05 }), loss = trainer.step(x, [3]);
  trainer.commit();
  return [y, loss, model.run(x).join(" ")].join(" ");
}`;
/** An application's code: the answer, or the error, becomes an attribute of the page. */
export const application = `import { load } from "octavo";
import { scalar } from "octavo/scalar";
import { trainer as trainerOf } from "octavo/train";
const show = (text) => { document.body.dataset.answer = text; };
async function main() {
  const x = ${inputText}, model = await load("model.octavo"), other = await load("model.octavo", { builds: [scalar] });
  const y = model.run(x).join(" "), z = other.run(x).join(" ");
  show(model.build === "simd" && other.build === "scalar" && y === z ? (${trainingText})(model) : "builds differ");
}
main().catch((error) => show("error: " + error.stack));
`;
export const html = (script: string): string => `<!doctype html><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,"><body>${script}</body>`;

const types: Record<string, string> = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json" };

/** Serves a folder; every answer carries the strict policy. */
export async function serve(folder: string, headers: Record<string, string> = { "content-security-policy": `${strictPolicy}; img-src data:` }): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const name = new URL(request.url!, "http://localhost").pathname, file = path.join(folder, name.endsWith("/") ? `${name}index.html` : name);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return void response.writeHead(404).end("not found");
    response.writeHead(200, { "content-type": types[path.extname(file)] ?? "application/octet-stream", ...headers });
    createReadStream(file).pipe(response);
  }).listen(0);
  await new Promise((resolve) => server.once("listening", resolve));
  return { url: `http://localhost:${(server.address() as AddressInfo).port}/`, server };
}

/** What the page at `url` answers. */
export async function answerOf(browser: Browser, url: string): Promise<string> {
  const page = await browser.newPage(), errors: string[] = [];
  page.on("pageerror", (e) => errors.push(e.message));
  page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
  try {
    await page.goto(url);
    await page.waitForSelector("body[data-answer]", { state: "attached", timeout: 20_000 }).catch(() => { throw new Error(`no answer from ${url}: ${errors.join("; ")}`); });
    return (await page.getAttribute("body", "data-answer"))!;
  } finally {
    await page.close();
  }
}

/** The answer of a built folder, served. */
export async function served(browser: Browser, folder: string): Promise<string> {
  const { url, server } = await serve(folder);
  try {
    return await answerOf(browser, url);
  } finally {
    server.close();
  }
}
