/** The packed package in pages: without a bundler, by esbuild, by Vite; its size; its types. */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build as esbuild } from "esbuild";
import type { Browser } from "playwright-core";
import { build as vite } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerOf, application, example, html, launch, missing, pack, project, remove, root, run, serve, served, temporary } from "./project.ts";

const folder = temporary("package");
const moduleOf = (bundle: string, name: string) => bundle.includes(readFileSync(path.join(root, `build/${name}.wasm`)).toString("base64"));
let browser: Browser, tarball: string, model: Uint8Array, trained: string;

describe.skipIf(missing)(`the packed package${missing && `: ${missing}`}`, () => {
  beforeAll(async () => {
    tarball = pack(folder);
    ({ model, trained } = await example());
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    remove(folder);
  });

  test("a plain script of type module", async () => {
    const app = project(tarball, { "model.octavo": model, "index.html": html(`<script type="module" src="main.js"></script>`),
      "main.js": application.replace(`"octavo"`, `"./node_modules/octavo/dist/targets/browser/index.js"`).replace(`"octavo/scalar"`, `"./node_modules/octavo/scalar.js"`).replace(`"octavo/train"`, `"./node_modules/octavo/train.js"`) });
    expect(await served(browser, app)).toBe(trained);
  });

  test("esbuild, as a classic script", async () => {
    const app = project(tarball, { "model.octavo": model, "index.html": html(`<script src="out.js"></script>`), "main.js": application });
    await esbuild({ entryPoints: [path.join(app, "main.js")], outfile: path.join(app, "out.js"), bundle: true, minify: true });
    expect(await served(browser, app)).toBe(trained);
  });

  test("Vite", async () => {
    const app = project(tarball, { "public/model.octavo": model, "index.html": html(`<script type="module" src="/main.js"></script>`), "main.js": application });
    await vite({ root: app, logLevel: "error" });
    expect(await served(browser, path.join(app, "dist"))).toBe(trained);
  });

  test("SDK and kernels are at most 40 KB, minified and compressed, and hold no converter and no training", async () => {
    const app = project(tarball, { "main.js": `import { load } from "octavo"; globalThis.load = load;` });
    const { outputFiles: [file] } = await esbuild({ entryPoints: [path.join(app, "main.js")], bundle: true, minify: true, write: false, format: "esm" });
    expect(gzipSync(file!.contents, { level: 9 }).length).toBeLessThanOrEqual(40 * 1024);
    expect(file!.text).not.toMatch(/flatbuffer|protobuf|calibrat|octavo_train|checkpoint:/i);
    expect([moduleOf(file!.text, "simd"), moduleOf(file!.text, "simd-train")]).toEqual([true, false]);
    expect(file!.text).not.toMatch(/import\.meta|\batob\b|DecompressionStream|\bimport\(|\beval\(|new Function/);
  });

  test("octavo/train brings its own kernels once, and none of inference", async () => {
    const app = project(tarball, { "main.js": `import { trainer } from "octavo/train"; globalThis.trainer = trainer;` });
    const { outputFiles: [file] } = await esbuild({ entryPoints: [path.join(app, "main.js")], bundle: true, minify: true, write: false, format: "esm" });
    expect([moduleOf(file!.text, "simd"), moduleOf(file!.text, "simd-train"), moduleOf(file!.text, "scalar-train")]).toEqual([false, true, false]);
  });

  const consumer = `import { load, OctavoError, type Model, type TensorInfo } from "octavo";
import { scalar } from "octavo/scalar";
import { relaxed } from "octavo/relaxed";
import { convert, type Report } from "octavo/converter";
import { prepareImage } from "octavo/image";
import { prepareSound, readWav } from "octavo/audio";
import { cosine, trainer, type History, type Trainer } from "octavo/train";
export async function main(bytes: Uint8Array): Promise<Float32Array> {
  const { model, report }: { model: Uint8Array; report: Report } = await convert(bytes, { precision: "float32" });
  const loaded: Model = await load(model, { builds: [relaxed, scalar] }), info: TensorInfo | undefined = loaded.inputs[0];
  if (!info || !report) throw new OctavoError("ERR_OCTAVO_SHAPE", "no input");
  loaded.run(prepareImage({ width: 1, height: 1, data: [0, 0, 0] }, info, loaded.metadata.preprocess));
  loaded.run(prepareSound(readWav(bytes), info, { kind: "audio", sampleRate: 16000 }));
  const t: Trainer = trainer(loaded, { optimizer: "adamw", learningRate: 0.01 }), history: History = await t.fit({ x: new Float32Array(4), labels: [0] }, { epochs: 2, schedule: cosine() });
  if (history.stopped === "early") t.commit();
  // @ts-expect-error text is no input
  loaded.run("text");
  return loaded.run(new Float32Array(4));
}
`;
  test.each([["bundler", "esnext", []], ["node16", "node16", []], ["nodenext", "nodenext", []], ["nodenext", "nodenext", ["workerd"]], ["bundler", "esnext", ["edge-light"]], ["bundler", "esnext", ["node"]]] as const)("types with moduleResolution %s, module %s, conditions %j", async (moduleResolution, module, customConditions) => {
    const app = project(tarball, { "main.ts": consumer, "package.json": `{ "type": "module" }`, "tsconfig.json": JSON.stringify({
      compilerOptions: { moduleResolution, module, customConditions, target: "es2022", strict: true, noEmit: true, types: [] }, files: ["main.ts"] }) });
    expect(await run(app, process.execPath, path.join(root, "node_modules/typescript/bin/tsc"), "-p", ".")).toBe("");
  });

  test("no source of the SDK reads what a bundler would have to move", () => {
    for (const folder of ["sdk", "sdk/train", "targets/browser"]) for (const file of readdirSync(path.join(root, folder)).filter((f) => f.endsWith(".ts"))) {
      expect(readFileSync(path.join(root, folder, file), "utf8"), file).not.toMatch(/import\.meta|\batob\(|new DecompressionStream|\bimport\(|^await /m);
    }
  });

  test("a page with the strict policy but without wasm-unsafe-eval says what is missing", async () => {
    const app = project(tarball, { "model.octavo": model, "index.html": html(`<script src="out.js"></script>`), "main.js": application });
    await esbuild({ entryPoints: [path.join(app, "main.js")], outfile: path.join(app, "out.js"), bundle: true });
    const { url, server } = await serve(app, { "content-security-policy": "script-src 'self'" });
    expect(await answerOf(browser, url)).toMatch(/error: .*wasm-unsafe-eval/);
    server.close();
  });
});
