/** The packed package, installed by npm beside each bundler: builds for production, answers in Chromium. */
import { spawn, type ChildProcess } from "node:child_process";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerOf, application, example, html, launch, missing, pack, remove, run, served, temporary, trainingText, write } from "./project.ts";

const folder = temporary("bundlers");
let browser: Browser, tarball: string, model: Uint8Array, trained: string;

interface Bundler { name: string; packages: string[]; files: (model: Uint8Array) => Record<string, string | Uint8Array>; build: string[]; out: string }
const page = { "main.js": application, "index.html": html(`<script src="main.js"></script>`) }, manifest = JSON.stringify({ private: true });
const module = { ...page, "index.html": html(`<script type="module" src="/main.js"></script>`) };

const bundlers: Bundler[] = [
  { name: "Vite 8", packages: ["vite@8"], files: (m) => ({ ...module, "public/model.octavo": m }), build: ["vite", "build"], out: "dist" },
  { name: "webpack 5", packages: ["webpack@5", "webpack-cli"], build: ["webpack", "--mode", "production", "--entry", "./main.js", "-o", "dist"], out: "dist",
    files: (m) => ({ "main.js": application, "dist/index.html": page["index.html"], "dist/model.octavo": m }) },
  { name: "Rollup 4", packages: ["rollup@4", "@rollup/plugin-node-resolve"], build: ["rollup", "main.js", "-p", "node-resolve", "-f", "iife", "-o", "dist/main.js"], out: "dist",
    files: (m) => ({ "main.js": application, "dist/index.html": page["index.html"], "dist/model.octavo": m }) },
  { name: "esbuild", packages: ["esbuild"], build: ["esbuild", "main.js", "--bundle", "--minify", "--outfile=dist/main.js"], out: "dist",
    files: (m) => ({ "main.js": application, "dist/index.html": page["index.html"], "dist/model.octavo": m }) },
  { name: "Parcel 2", packages: ["parcel@2"], build: ["parcel", "build", "index.html", "--public-url", "/", "--no-cache"], out: "dist",
    files: (m) => ({ "main.js": application, "index.html": html(`<script type="module" src="main.js"></script>`).replace(`<link rel="icon" href="data:,">`, ""), "dist/model.octavo": m }) },
];

const install = (app: string, packages: string[]) => run(app, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error", tarball, ...packages);

describe.skipIf(missing)(`bundlers${missing && `: ${missing}`}`, () => {
  beforeAll(async () => {
    tarball = pack(folder);
    ({ model, trained } = await example());
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    remove(folder);
  });

  test.each(bundlers.map((b) => [b.name, b] as const))("%s", async (name, { packages, files, build, out }) => {
    const app = path.join(folder, name.replace(" ", "-"));
    write(app, { "package.json": manifest, ...files(model) });
    await install(app, packages);
    await run(app, path.join(app, "node_modules/.bin", build[0]!), ...build.slice(1));
    expect(await served(browser, path.join(app, out))).toBe(trained);
  });

  const route = (runtime: string, source: string) => `import { load } from "octavo";
import { trainer as trainerOf } from "octavo/train";
${runtime}
export const dynamic = "force-dynamic";
export async function GET(request) {
  try {
    const model = await load(${source});
    return new Response((${trainingText})(model));
  } catch (error) {
    return new Response(error.stack, { status: 500 });
  }
}
`;
  const client = `"use client";
import { useEffect } from "react";
import { load } from "octavo";
import { trainer as trainerOf } from "octavo/train";
export default function Page() {
  useEffect(() => {
    load("/model.octavo").then(${trainingText}).catch((e) => "error: " + e.stack).then((text) => { document.body.dataset.answer = text; });
  }, []);
  return <p>page</p>;
}
`;
  const next: Record<string, string> = {
    "package.json": manifest, "app/page.js": client, "app/layout.js": "export default function Layout({ children }) { return <html><body>{children}</body></html>; }\n",
    "app/node/route.js": route("", `process.cwd() + "/public/model.octavo"`), "app/edge/route.js": route(`export const runtime = "edge";`, `new URL("/model.octavo", request.url)`),
  };

  test.each(["--turbopack", "--webpack"])("Next 16 %s: client, node and edge route", async (flag) => {
    const app = path.join(folder, `next${flag}`);
    write(app, { ...next, "public/model.octavo": model });
    await install(app, ["next@16", "react@19", "react-dom@19"]);
    const bin = path.join(app, "node_modules/next/dist/bin/next");
    await run(app, process.execPath, bin, "build", flag);
    const { url, server } = await start(app, bin);
    try {
      expect(await answerOf(browser, url)).toBe(trained);
      expect(await (await fetch(`${url}node`)).text()).toBe(trained);
      expect(await (await fetch(`${url}edge`)).text()).toBe(trained);
    } finally {
      server.kill();
    }
  });

  test("publint and arethetypeswrong find nothing", async () => {
    const app = path.join(folder, "lint");
    write(app, { "package.json": manifest });
    await install(app, ["publint", "@arethetypeswrong/cli"]);
    expect(await run(app, path.join(app, "node_modules/.bin/publint"), "--strict", tarball)).toMatch(/All good!/);
    const { problems } = JSON.parse(await run(app, path.join(app, "node_modules/.bin/attw"), tarball, "--profile", "esm-only", "--format", "json")) as { problems: Record<string, unknown> };
    expect(Object.keys(problems).filter((kind) => kind !== "CJSResolvesToESM")).toEqual([]);
  });
});

/** Starts `next start` on a free port; waits until it answers. */
async function start(app: string, bin: string): Promise<{ url: string; server: ChildProcess }> {
  const env: NodeJS.ProcessEnv = { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" };
  const server = spawn(process.execPath, [bin, "start", "-p", "0"], { cwd: app, env, stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise<string>((resolve, reject) => {
    server.stdout.on("data", (text: Buffer) => { const found = /http:\/\/localhost:(\d+)/.exec(String(text)); if (found) resolve(`http://localhost:${found[1]}/`); });
    server.once("exit", (code) => reject(new Error(`next start ended with ${code}`)));
  });
  for (let i = 0; i < 50 && !(await fetch(url).then((r) => r.ok, () => false)); i++) await new Promise((resolve) => setTimeout(resolve, 200));
  return { url, server };
}
