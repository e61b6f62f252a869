/** Browsers, headless: they open a page of ours and post what they found; no driver is needed. */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { locate, root, type Answer } from "./tools.ts";

/** Program and words for a URL and an empty profile folder. */
type Start = (url: string, profile: string) => [string, string[]];

export const startChromium: Start = (url, profile) => {
  const program = locate("not at /usr/bin/chromium; CHROMIUM says where", process.env.CHROMIUM, "/usr/bin/chromium");
  return [program, ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", `--user-data-dir=${profile}`, url]];
};
export const startFirefox: Start = (url, profile) => {
  const program = locate("not at /usr/bin/firefox-esr; FIREFOX says where", process.env.FIREFOX, "/usr/bin/firefox-esr", "/usr/bin/firefox");
  return [program, ["--headless", "--no-remote", "--profile", profile, url]];
};

/** WebKitGTK's MiniBrowser wants a display. */
export const startWebKit: Start = (url) => {
  const program = locate("Debian's webkit2gtk-driver; MINIBROWSER says where", process.env.MINIBROWSER, ...["4.1", "4.0"].map((v) => `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/webkit2gtk-${v}/MiniBrowser`));
  return [locate("Debian's xvfb; XVFB_RUN says where", process.env.XVFB_RUN, "/usr/bin/xvfb-run"), ["-a", program, "--private", url]];
};

const types: Record<string, string> = { "": "text/html", ".js": "text/javascript" };
/** For a clock of microseconds. */
const isolation = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

/**
 * Opens a page that loads `script` as page.js, in a fresh profile.
 * @param read other files by name, undefined where there is none
 * @returns what the page posted to `results`
 */
export async function visit<T>(start: Start, script: string, read: (name: string) => Uint8Array | undefined): Promise<T> {
  const profile = mkdtempSync(path.join(tmpdir(), "octavo-profile-")), html = `<!doctype html><script type="module" src="page.js"></script>`;
  const answer = Promise.withResolvers<T>(), server = createServer((request, response) => {
    const name = request.url!.slice(1), found = name === "" ? html : name === "page.js" ? script : read(name);
    if (request.method === "POST") {
      let body = "";
      request.on("data", (text: Buffer) => { body += String(text); }).on("end", () => { response.end(); answer.resolve(JSON.parse(body) as T); });
    } else if (found === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": types[path.extname(name)] ?? "application/octet-stream", ...isolation }).end(found);
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

/** A page's script with the package inside. */
export async function pageScript(entry: string, define: Record<string, string> = {}): Promise<string> {
  const dist = (file: string) => path.join(root, "dist/targets", file), alias = { octavo: dist("browser/index.js"), "octavo/scalar": dist("scalar.js"), "octavo/relaxed": dist("relaxed.js"), "octavo/train": dist("browser/train.js") };
  return (await build({ entryPoints: [entry], alias, define, bundle: true, minify: true, write: false, format: "esm", target: "es2022" })).outputFiles[0]!.text;
}

async function browser(folder: string, agent: RegExp, start: Start): Promise<Answer> {
  const script = await pageScript(path.join(import.meta.dirname, "page.js")), read = (name: string) => (/^case[\w.-]*$/.test(name) ? readFileSync(path.join(folder, name)) : undefined);
  const answer = await visit<Answer | { error: string }>(start, script, read);
  if ("error" in answer) throw new Error(answer.error);
  return { ...answer, version: agent.exec(answer.version)?.[1] ?? answer.version };
}

export const chromium = (folder: string) => browser(folder, /Chrome\/([\d.]+)/, startChromium);
export const webkit = (folder: string) => browser(folder, /Version\/([\d.]+)/, startWebKit);
export const firefox = (folder: string) => browser(folder, /Firefox\/([\d.]+)/, startFirefox);
