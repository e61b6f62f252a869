/** Source → bytes → checked model file → instance. */
import type { Build, BuildName } from "./build.ts";
import { compiledBuild } from "./build.ts";
import { OctavoError } from "./errors.ts";
import type { Exports } from "./exports.ts";
import type { Host, Source } from "./host.ts";
import { instantiate } from "./loader.ts";
import { parseModelFile, verifyIntegrity, type Metadata, type ModelFile } from "./model-file.ts";
import { Model } from "./model.ts";

/** The newest `abi` of model files that this SDK runs. */
export const ABI = 1;

export interface LoadOptions {
  /** Builds to choose from, best first; default: those of the host. */
  builds?: readonly Build[];
  /** Most bytes of linear memory that the model may take. */
  maxMemory?: number;
  /** Compare the file's SHA-256; default true. */
  integrity?: boolean;
  signal?: AbortSignal;
  /** A compiled module to use instead of `builds`. */
  wasm?: WebAssembly.Module;
}

export function loaderOf(host: Host): (source: Source, options?: LoadOptions) => Promise<Model> {
  return async (source, options = {}) => {
    const [bytes, [build, exports]] = await Promise.all([readSource(source, host, options.signal), started(host, options)]), file = parseModelFile(bytes, ABI);
    if (options.integrity !== false) await verifyIntegrity(bytes, host.sha256);
    options.signal?.throwIfAborted();
    loadInto(exports, file, build, options.maxMemory);
    if (host.checkedLoads) exports.octavo_checked_loads(1);
    return new Model(file, exports, build);
  };
}

/** Compiled and instantiated by the time the model file is there. */
async function started(host: Host, { wasm, builds = host.builds }: LoadOptions): Promise<[BuildName, Exports]> {
  const build = wasm ? compiledBuild("simd", wasm) : choose(builds);
  return [build.name, instantiate(build.module())];
}

async function readSource(source: Source, host: Host, signal?: AbortSignal): Promise<Uint8Array> {
  if (typeof source === "string" || isUrl(source)) return plain(await host.read(source, signal));
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) return plain(source);
  const body = await (source as Promise<Response> | Response | Blob | { arrayBuffer(): Promise<ArrayBuffer> } | undefined);
  if (typeof body?.arrayBuffer !== "function") throw new OctavoError("ERR_OCTAVO_SOURCE", `load: the source is ${body === null ? "null" : typeof body}, expected a path, URL, Response, Blob, bytes or an object with arrayBuffer().`);
  if ("ok" in body && "status" in body) return readResponse(body as Response);
  return new Uint8Array(await body.arrayBuffer());
}

/** AudioWorklets have no URL. */
const isUrl = (source: Source): source is URL => typeof URL === "function" && source instanceof URL;

/** Node's Buffer is a Uint8Array whose slice() does not copy. */
const plain = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/**
 * The body of an HTTP answer.
 * @throws OctavoError ERR_OCTAVO_FETCH for a non-2xx answer or a web page, naming the URL and the first bytes
 */
export async function readResponse(response: Response): Promise<Uint8Array> {
  const bytes = new Uint8Array(await response.arrayBuffer()), start = String.fromCharCode(...bytes.subarray(0, 60));
  const from = response.url || "the response";
  if (!response.ok) throw new OctavoError("ERR_OCTAVO_FETCH", `load: ${from} answered ${response.status} ${response.statusText}, expected 200. It starts with ${JSON.stringify(start)}.`);
  if (/^\s*<(!doctype|html)/i.test(start)) throw new OctavoError("ERR_OCTAVO_FETCH", `load: ${from} is a web page, expected a model file. It starts with ${JSON.stringify(start)}. Is the path right, and does the server know the file?`);
  return bytes;
}

export function choose(builds: readonly Build[]): Build {
  const build = builds.find((b) => b.supported());
  if (build) return build;
  throw new OctavoError("ERR_OCTAVO_HOST", `load: this engine runs none of the builds ${builds.map((b) => b.name).join(", ")}. Add the scalar build: import { scalar } from "octavo/scalar"; load(file, { builds: [simd, scalar] }).`);
}

/** Copies the file into linear memory, where it is checked. */
export function loadInto(exports: Exports, { image, memoryBytes, metadata }: ModelFile, build: BuildName, maxMemory = Infinity): void {
  if (memoryBytes > maxMemory) throw tooLarge(memoryBytes, `maxMemory is ${maxMemory}`);
  const at = exports.octavo_alloc(image.length);
  if (at) new Uint8Array(exports.memory.buffer).set(image, at);
  const code = at ? exports.octavo_load(at, image.length) : NO_MEMORY;
  if (code === NO_MEMORY) throw tooLarge(memoryBytes, "the host does not give them");
  if (code) throw refusal(metadata, code, exports, at, build);
}

const NO_MEMORY = 5;
const tooLarge = (bytes: number, problem: string) => new OctavoError("ERR_OCTAVO_MEMORY", `load: the model needs ${bytes} bytes of memory, ${problem}. Use a smaller model or raise the limit.`);

function refusal({ layers }: Metadata, code: number, exports: Exports, at: number, build: BuildName): OctavoError {
  const call = exports.octavo_refused_call(), length = exports.octavo_error(at, 200), why = String.fromCharCode(...new Uint8Array(exports.memory.buffer, at, length));
  const kind = code === 8 ? "ERR_OCTAVO_OPERATOR" : code === 2 ? "ERR_OCTAVO_VERSION" : "ERR_OCTAVO_FORMAT";
  return new OctavoError(kind, `octavo: the model file is refused by the ${build} build: ${why}${call < 0 ? "" : ` ("${layers[call]?.name ?? "?"}")`}. Convert the model again.`);
}
