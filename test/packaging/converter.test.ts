/** `octavo/converter` in a page under a strict policy: every format becomes the bytes that Node makes of it. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { build as esbuild } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { convert, type ConvertOptions } from "../../targets/converter.ts";
import { bytesOf, madeCases } from "../formats/made.ts";
import { answerOf, html, launch, missing, pack, project, remove, root, serve, temporary } from "./project.ts";

const folder = temporary("converter");

interface Source { name: string; bytes: string; architecture?: unknown; side?: string }
function sources(): Source[] {
  const keras = madeCases<{ keras: string; h5: string }>("keras").find((c) => c.name === "bidirectional gru sum")!, torch = madeCases<{ pt2: string; pt?: string; architecture?: object }>("pytorch").find((c) => c.name === "perceptron")!;
  const graph = madeCases<{ model: object; weights: string }>("tfjs").find((c) => c.name === "images, optimised")!;
  const onnx = (JSON.parse(gunzipSync(readFileSync(path.join(root, "test/fixtures/onnx/made.json.gz"))).toString()) as { models: Record<string, { model: string }> }).models["quantized QDQ QInt8"]!;
  const lite = (JSON.parse(readFileSync(path.join(root, "test/fixtures/tflite/convolution.json"), "utf8")) as { cases: { name: string; model: string }[] }).cases.find((c) => c.name === "conv int8 dilated")!;
  return [
    { name: "m.keras", bytes: keras.keras }, { name: "m.h5", bytes: keras.h5 }, { name: "m.pt2", bytes: torch.pt2 }, { name: "m.pt", bytes: torch.pt!, architecture: torch.architecture },
    { name: "model.json", bytes: Buffer.from(JSON.stringify(graph.model)).toString("base64"), side: graph.weights }, { name: "m.onnx", bytes: onnx.model }, { name: "m.tflite", bytes: lite.model },
  ];
}

/** The same on both sides; the digest of the model file, and the stages that were told. */
const convertAll = `async (convert, sources, decode) => {
  const digests = [];
  for (const { name, bytes, architecture, side } of sources) {
    const stages = [], options = { name, ...(architecture && { architecture }), ...(side && { resolve: async () => decode(side) }) };
    const samples = ([port]) => [0, 1].map((k) => ({ [port.name]: Float32Array.from({ length: port.shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.sin(i + k)) }));
    const { model } = await convert(decode(bytes), { ...options, samples, onProgress: ({ stage }) => stages.at(-1) === stage || stages.push(stage) });
    const hash = await crypto.subtle.digest("SHA-256", model);
    digests.push([name, [...new Uint8Array(hash)].map((b) => b.toString(16).padStart(2, "0")).join(""), stages.join(" ")].join(" "));
  }
  return digests;
}`;

describe.skipIf(missing)(`octavo/converter in a page${missing && `: ${missing}`}`, () => {
  let browser: Browser;
  beforeAll(async () => { browser = await launch(); });
  afterAll(async () => {
    await browser?.close();
    remove(folder);
  });

  test("converts every format to the same bytes, and can be stopped", async () => {
    const page = `import { convert, readModel } from "octavo/converter";
      import { prepareImage } from "octavo/image";
      const decode = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      async function main() {
        const sources = await (await fetch("sources.json")).json(), digests = await (${convertAll})(convert, sources, decode);
        const stopped = await convert(decode(sources[0].bytes), { name: "m.keras", precision: "float32", signal: AbortSignal.abort() }).then(() => "went on", (e) => e.name);
        const graph = await readModel(decode(sources[2].bytes), { name: "m.pt2" }), x = graph.inputs[0], shape = graph.tensors.get(x).shape;
        const fixed = await readModel(decode(sources[2].bytes), { name: "m.pt2", constants: { [x]: { data: new Float32Array(shape.reduce((n, d) => n * d, 1)), shape } } });
        const picture = prepareImage(new ImageData(2, 2), { name: "x", shape: [1, 1, 1, 3], layout: "nhwc" }, { kind: "image" });
        document.body.dataset.answer = [...digests, stopped, fixed.inputs.length, picture.length].join("\\n");
      }
      main().catch((error) => { document.body.dataset.answer = "error: " + error.stack; });`;
    const list = sources(), app = project(pack(folder), { "main.js": page, "sources.json": JSON.stringify(list), "index.html": html(`<script type="module" src="out.js"></script>`) });
    await esbuild({ entryPoints: [path.join(app, "main.js")], outfile: path.join(app, "out.js"), bundle: true, format: "esm", minify: true, nodePaths: [path.join(root, "node_modules")] });
    const { url, server } = await serve(app), found = await answerOf(browser, url);
    server.close();
    const here = await (new Function(`return ${convertAll}`)() as (c: (bytes: Uint8Array, options: ConvertOptions) => unknown, s: Source[], d: typeof bytesOf) => Promise<string[]>)(convert, list, bytesOf);
    expect(found.split("\n")).toEqual([...here, "AbortError", "0", "3"]);
    expect(here[0]).toMatch(/read optimise calibrate quantize compile$/);
    remove(app);
  }, 120_000);
});
