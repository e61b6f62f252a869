/** `octavo bundle FILE --target browser|node|cloudflare|wasi -o DIR`: one module for one model. */
import { Option, type Command } from "commander";
import { mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../../converter/bundle/bundle.ts";
import { glueOf, typesOf, type BundleTarget } from "./bundle-module.ts";
import { load } from "../node/index.ts";
import { ABI } from "../../sdk/load.ts";
import { parseModelFile } from "../../sdk/model-file.ts";
import { readBytes, writeWhole } from "./files.ts";
import { bytesText, terminal, withSpeech, type SpeechOptions } from "./terminal.ts";

interface BundleOptions extends SpeechOptions { target: BundleTarget; output: string; build: "simd" | "scalar" }

export function define(command: Command): void {
  command.argument("<FILE>", "a model file made by octavo convert")
    .addOption(new Option("--target <target>", "what loads it").choices(["browser", "node", "cloudflare", "wasi"]).makeOptionMandatory())
    .requiredOption("-o, --output <DIR>", "folder for NAME.wasm, and NAME.js with NAME.d.ts")
    .addOption(new Option("--build <build>", "instructions of the host: simd, or scalar for interpreters and old devices").choices(["simd", "scalar"]).default("simd"));
  withSpeech(command).action(write);
}

async function write(path: string, { target, output, build, ...speech }: BundleOptions): Promise<void> {
  const model = await readBytes(path), name = basename(path).replace(/\.octavo$/, "");
  (await load(model)).dispose(); // every check of the file
  const wasm = await bundle(model, await kernels(build)), files: [string, Uint8Array | string][] = [[`${name}.wasm`, wasm]];
  if (target !== "wasi") {
    const file = parseModelFile(model, ABI);
    files.push([`${name}.js`, glueOf(target, name, wasm, file, await runtime())], [`${name}.d.ts`, typesOf(file)]);
  }
  await mkdir(output, { recursive: true });
  for (const [file, data] of files) await writeWhole(join(output, file), data);
  const object = { target, files: files.map(([file, data]) => ({ file: join(output, file), bytes: Buffer.byteLength(data) })), kernelBytes: wasm.length - model.length };
  terminal(speech).answer(object, object.files.map((f) => `${f.file}  ${bytesText(f.bytes)}`).join("\n"));
}

/** The build's module as the SDK holds it. */
async function kernels(build: "simd" | "scalar"): Promise<Uint8Array<ArrayBuffer>> {
  const { base64 } = build === "simd" ? await import("../../sdk/generated/simd.ts") : await import("../../sdk/generated/scalar.ts");
  return new Uint8Array(Buffer.from(base64, "base64"));
}

/** The SDK's part of a bundle, in one file since the package was built. */
const runtime = (): Promise<string> => readFile(fileURLToPath(new URL("../../bundled.js", import.meta.url)), "utf8");
