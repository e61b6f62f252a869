/** The server behind the browser's runs: cross-origin isolated, for a clock of 5 µs; from memory after the first request. */
import { createServer, type Server } from "node:http";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import path from "node:path";

const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };
const isolation = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

/**
 * @param folders by the first part of a path · @param texts whole answers by path
 * @returns `sent`: what was answered so far, by path
 */
export async function serve(folders: Record<string, string>, texts: Record<string, string>): Promise<{ url: string; server: Server; sent: Map<string, string | Uint8Array> }> {
  const sent = new Map<string, string | Uint8Array>(), bodies = new Map<string, string | Uint8Array>(Object.entries(texts));
  const fromDisk = (name: string): Promise<Uint8Array> => {
    const [first = "", ...rest] = name.split("/"), folder = folders[first];
    return folder ? readFile(path.join(folder, path.normalize(`/${rest.join("/")}`))) : Promise.reject(new Error(name));
  };
  const find = async (name: string): Promise<string | Uint8Array> => {
    if (!bodies.has(name)) bodies.set(name, await fromDisk(name));
    return bodies.get(name)!;
  };
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url!, "http://localhost").pathname).slice(1), type = types[path.extname(name) || ".html"] ?? "application/octet-stream";
    find(name).then((body) => {
      sent.set(name, body);
      response.writeHead(200, { ...isolation, "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
    }, () => response.writeHead(404, isolation).end());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server, sent };
}
