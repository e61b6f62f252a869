/** What a Node process gives to an engine. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Host } from "./contenders.ts";

/** A CommonJS file inside a package that says it is of ES modules. */
function commonJs(file: string): unknown {
  const module = { exports: {} };
  new Function("module", "exports", "require", "__filename", "__dirname", readFileSync(file, "utf8"))(module, module.exports, createRequire(file), file, path.dirname(file));
  return module.exports;
}

export const hostOf = (packages: string, files: string): Host => ({
  name: "node", packages: pathToFileURL(packages + path.sep).href,
  read: async (file) => new Uint8Array(readFileSync(path.join(files, file))),
  script: async (name) => (name.endsWith(".js") ? commonJs(path.join(packages, name)) : createRequire(path.join(packages, "index.js"))(name)) as unknown,
});
