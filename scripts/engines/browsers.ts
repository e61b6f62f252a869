/** Browsers, headless: they open a page of ours and post what they found; no driver is needed. */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { locate, root } from "./tools.ts";

interface Answer { results?: Record<string, string[]>; version: string; error?: string }

/** @param start what to spawn for a URL and an empty profile folder */
async function open(folder: string, start: (url: string, profile: string) => [string, string[]]): Promise<Answer> {
  const alias = { octavo: path.join(root, "dist/targets/browser/index.js"), "octavo/scalar": path.join(root, "dist/targets/scalar.js"), "octavo/relaxed": path.join(root, "dist/targets/relaxed.js") };
  const { outputFiles } = await build({ entryPoints: [path.join(import.meta.dirname, "page.js")], alias, bundle: true, write: false, format: "esm" });
  const profile = mkdtempSync(path.join(tmpdir(), "octavo-profile-"));
  const answer = Promise.withResolvers<Answer>(), server = createServer((request, response) => {
    const name = request.url!.slice(1);
    if (request.method === "POST") {
      let body = "";
      request.on("data", (text: Buffer) => { body += String(text); }).on("end", () => { response.end(); answer.resolve(JSON.parse(body) as Answer); });
    } else if (name === "") response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><script type="module" src="page.js"></script>`);
    else if (name === "page.js") response.writeHead(200, { "content-type": "text/javascript" }).end(outputFiles[0]!.contents);
    else if (/^case[\w.-]*$/.test(name)) response.end(readFileSync(path.join(folder, name)));
    else response.writeHead(404).end();
  }).listen(0);
  const [program, words] = start(`http://localhost:${(server.address() as AddressInfo).port}/`, profile), browser = spawn(program, words, { stdio: "ignore", detached: true });
  const timer = setTimeout(() => answer.reject(new Error("no answer after two minutes")), 120_000);
  try {
    return await answer.promise;
  } finally {
    clearTimeout(timer);
    process.kill(-browser.pid!, "SIGKILL");
    server.close();
    server.closeAllConnections();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function browser(folder: string, agent: RegExp, start: (url: string, profile: string) => [string, string[]]): Promise<{ version: string; results: Record<string, string[]> }> {
  const { results, version, error } = await open(folder, start);
  if (!results) throw new Error(error);
  return { version: agent.exec(version)?.[1] ?? version, results };
}

export const chromium = (folder: string) => {
  const program = locate("not at /usr/bin/chromium; CHROMIUM says where", process.env.CHROMIUM, "/usr/bin/chromium");
  return browser(folder, /Chrome\/([\d.]+)/, (url, profile) => [program, ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", `--user-data-dir=${profile}`, url]]);
};

export const firefox = (folder: string) => {
  const program = locate("not at /usr/bin/firefox-esr; FIREFOX says where", process.env.FIREFOX, "/usr/bin/firefox-esr", "/usr/bin/firefox");
  return browser(folder, /Firefox\/([\d.]+)/, (url, profile) => [program, ["--headless", "--no-remote", "--profile", profile, url]]);
};
