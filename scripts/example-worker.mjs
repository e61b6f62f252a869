// Puts the converted model beside the Worker and starts `wrangler dev`.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { convert } from "../dist/targets/converter.js";
import { digits } from "../dist/examples/digits.js";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

export async function makeModel() {
  const { x } = digits(100, 2), samples = ([{ name }]) => Array.from({ length: 100 }, (_, i) => ({ [name]: x.subarray(784 * i, 784 * (i + 1)) }));
  const { model } = await convert(readFileSync(path.join(root, "examples/models/digits-cnn.h5")), { name: "digits-cnn.h5", samples, spareClasses: 1, trainable: "last" });
  writeFileSync(path.join(root, "examples/worker/digits.octavo"), model);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await makeModel();
  spawn(process.execPath, [path.join(root, "node_modules/wrangler/bin/wrangler.js"), "dev", "--local"], { cwd: path.join(root, "examples/worker"), stdio: "inherit" });
}
