/** `octavo bundle` for every target: the module runs where it is meant to, gives the SDK's bytes, and its types hold. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { unstable_startWorker } from "wrangler";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundle } from "../../converter/bundle/bundle.ts";
import { digits } from "../../examples/digits.ts";
import { convert } from "../../targets/converter.ts";
import { load } from "../../targets/node/index.ts";
import { answerOf, executablePath, html, launch, remove, root, run, serve, temporary, write } from "../packaging/project.ts";

const folder = temporary("bundle"), at = (...names: string[]) => path.join(folder, ...names), octavo = path.join(root, "dist/targets/cli/octavo.js");
const built = existsSync(path.join(root, "dist/bundled.js")), unbuilt = built ? "" : ": the package is not built";
const { x: drawn } = digits(8, 2), samples = ([port]: readonly { name: string }[]) => Array.from({ length: 8 }, (_, i) => ({ [port!.name]: drawn.subarray(784 * i, 784 * (i + 1)) }));
const inputText = "Float32Array.from({ length: 784 }, (_, i) => (i % 29) / 29)", x = Float32Array.from({ length: 784 }, (_, i) => (i % 29) / 29);

describe.skipIf(!built).each(["digits-cnn.h5", "digits-lstm.onnx"])(`%s${unbuilt}`, (source) => {
  const name = source.replace(/\..*/, "");
  let answer: string, file: Uint8Array;

  beforeAll(async () => {
    ({ model: file } = await convert(readFileSync(path.join(root, "examples/models", source)), { name: source, samples }));
    writeFileSync(at(`${name}.octavo`), file);
    answer = (await load(file)).run(x).join(" ");
    for (const target of ["browser", "node", "cloudflare", "wasi"]) await run(folder, process.execPath, octavo, "bundle", at(`${name}.octavo`), "--target", target, "-o", at(target), "--quiet");
  });
  afterAll(() => name === "digits-lstm" && remove(folder));

  test("node", async () => {
    const { default: model } = await import(pathToFileURL(at("node", `${name}.js`)).href) as { default: Awaited<ReturnType<typeof load>> };
    expect(model.run(x).join(" ")).toBe(answer);
    expect(model.selfTest().passed).toBe(true);
  });

  test.skipIf(!existsSync(executablePath))("browser, under the strict policy", async () => {
    write(at("browser"), { "index.html": html(`<script type="module" src="main.js"></script>`), "main.js": `import model from "./${name}.js";\ndocument.body.dataset.answer = model.selfTest().passed && model.run(${inputText}).join(" ");\n` });
    const { url, server } = await serve(at("browser")), browser = await launch();
    try {
      expect(await answerOf(browser, url)).toBe(answer);
    } finally {
      await browser.close();
      server.close();
    }
  });

  test("cloudflare", { timeout: 120_000 }, async () => {
    write(at("cloudflare"), { "worker.js": `import model from "./${name}.js";\nexport default { fetch: () => new Response(model.run(${inputText}).join(" ")) };\n`,
      "wrangler.json": JSON.stringify({ name: "bundle", main: "worker.js", compatibility_date: "2026-10-01" }) });
    const worker = await unstable_startWorker({ config: at("cloudflare/wrangler.json"), dev: { logLevel: "error", server: { port: 0 }, inspector: false } });
    try {
      expect(await (await fetch(await worker.url)).text()).toBe(answer);
    } finally {
      await worker.dispose();
    }
  });

  test("wasi: one module, no imports, only what runs", async () => {
    const module = new WebAssembly.Module(readFileSync(at("wasi", `${name}.wasm`))), o = new WebAssembly.Instance(module, {}).exports as Record<string, CallableFunction> & { memory: WebAssembly.Memory };
    new Float32Array(o.memory.buffer, o.octavo_input!(0), 784).set(x);
    o.octavo_run!();
    expect(new Float32Array(o.memory.buffer, o.octavo_output!(0), 10).join(" ")).toBe(answer);
    expect(WebAssembly.Module.imports(module)).toEqual([]);
    expect(existsSync(at("wasi", `${name}.js`))).toBe(false);
    expect(BigInt.asUintN(64, o.octavo_self_test!() as bigint)).toBe(new DataView(file.buffer).getBigUint64(88, true));
  });

  test("types", async () => {
    for (const [target, module] of [["node", "nodenext"], ["browser", "esnext"]] as const) {
      writeFileSync(at(target, "main.ts"), `import model from "./${name}.js";
export const y: Float32Array = model.run(new Float32Array(784));
export const passed: boolean = model.selfTest().passed;
// @ts-expect-error integers are no input
model.run(new Int32Array(784));
// @ts-expect-error no such input
model.run({ nothing: new Float32Array(784) });
`);
      writeFileSync(at(target, "tsconfig.json"), JSON.stringify({ compilerOptions: { module, moduleResolution: module === "esnext" ? "bundler" : module, target: "es2022", strict: true, noEmit: true, types: [] }, files: ["main.ts"] }));
      expect(await run(at(target), process.execPath, path.join(root, "node_modules/typescript/bin/tsc"), "-p", ".")).toBe("");
    }
  });
});

const kws = path.join(process.env.OCTAVO_SHARED ?? path.join(root, "../shared"), "models/kws_int8.tflite");
test.skipIf(!existsSync(kws))(`kws: kernels take at most 10 KB compressed beside the weights${existsSync(kws) ? "" : ": ../shared is absent"}`, async () => {
  const { model } = await convert(readFileSync(kws), { name: "kws_int8.tflite" }), image = model.subarray(0, new DataView(model.buffer, model.byteOffset).getUint32(16, true));
  for (const build of ["simd", "scalar"]) {
    const wasm = await bundle(model, readFileSync(path.join(root, `build/${build}.wasm`)));
    expect(gzipSync(wasm, { level: 9 }).length - gzipSync(image, { level: 9 }).length).toBeLessThanOrEqual(10 * 1024);
  }
});
