// Puts the page's made files beside it (the SDK and its training in a file each, the converted model, digits to replay) and serves it: PORT, default 8080.
import { createReadStream, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { convert } from "../dist/targets/converter.js";
import { digits } from "../dist/examples/digits.js";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), ".."), page = path.join(root, "examples/browser");
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".octavo": "application/octet-stream" };

const parts = { "octavo.js": "targets/browser/index.js", "octavo-train.js": "targets/browser/train.js", "digits.js": "examples/digits.js" };

export async function makeFiles() {
  for (const [file, from] of Object.entries(parts)) buildSync({ entryPoints: [path.join(root, "dist", from)], outfile: path.join(page, file), bundle: true, minify: true, format: "esm", target: "es2022" });
  const { x } = digits(100, 2), samples = ([{ name }]) => Array.from({ length: 100 }, (_, i) => ({ [name]: x.subarray(784 * i, 784 * (i + 1)) }));
  const { model } = await convert(readFileSync(path.join(root, "examples/models/digits-cnn.h5")), { name: "digits-cnn.h5", samples, spareClasses: 1, trainable: "last" });
  writeFileSync(path.join(page, "digits.octavo"), model);
}

/** Static files of the page; nothing outside of its folder. */
export function serve(port) {
  return createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url, "http://localhost").pathname), file = path.join(page, name.endsWith("/") ? `${name}index.html` : name);
    if (!file.startsWith(page + path.sep) || !statSync(file, { throwIfNoEntry: false })?.isFile()) return response.writeHead(404).end("not found");
    response.writeHead(200, { "content-type": types[path.extname(file)] ?? "application/octet-stream", "content-length": statSync(file).size });
    createReadStream(file).pipe(response);
  }).listen(port);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await makeFiles();
  const port = Number(process.env.PORT ?? 8080);
  serve(port);
  console.log(`http://localhost:${port}/`);
}
