/** The ES module beside a bundle's .wasm, and its types. It stands alone: the SDK's part of it is inside. */
import type { ModelFile, Port } from "../../sdk/model-file.ts";

export type BundleTarget = "browser" | "node" | "cloudflare" | "wasi";

/** How each target gets the compiled module. In browsers the module travels inside the JavaScript: no second file to find. */
const moduleOf: Record<Exclude<BundleTarget, "wasi">, (name: string, wasm: Uint8Array) => { imports: string; expression: string }> = {
  browser: (_, wasm) => ({ imports: "", expression: `new WebAssembly.Module(decodeBase64("${Buffer.from(wasm).toString("base64")}"))` }),
  node: (name) => ({ imports: `import { readFileSync } from "node:fs";\n`, expression: `new WebAssembly.Module(readFileSync(new URL("./${name}.wasm", import.meta.url)))` }),
  cloudflare: (name) => ({ imports: `import wasm from "./${name}.wasm";\n`, expression: "wasm" }),
};

/**
 * @param runtime JavaScript of sdk/bundled.ts in one file, ending in its export statement
 * @returns the text of NAME.js
 */
export function glueOf(target: Exclude<BundleTarget, "wasi">, name: string, wasm: Uint8Array, file: ModelFile, runtime: string): string {
  const { imports, expression } = moduleOf[target](name, wasm), { ports, metadata, arenaBytes, weightBytes, memoryBytes, stateAddress, stateBytes, callCount, selfTest } = file;
  const bundled = { ports, metadata, arenaBytes, weightBytes, memoryBytes, stateAddress, stateBytes, callCount, selfTest };
  return `/** ${metadata.name}: ${metadata.precision}. Made by octavo bundle --target ${target}. */\n${imports}${runtime}\nexport default modelOf(${expression}, ${JSON.stringify(bundled)});\n`;
}

const arrayOf: Record<Port["dtype"], string> = {
  float32: "Float32Array", int8: "Int8Array", uint8: "Uint8Array", int16: "Int16Array", uint16: "Uint16Array", int32: "Int32Array", int64: "Int32Array", bool: "Uint8Array",
};

/** The text of NAME.d.ts. */
export function typesOf(file: ModelFile): string {
  const of = (kind: Port["kind"]) => file.ports.filter((p) => p.kind === kind), { inputs, outputs } = file.metadata;
  const named = (infos: { name: string }[], ports: Port[]) => `{ ${infos.map((info, i) => `${JSON.stringify(info.name)}: ${arrayOf[ports[i]!.dtype]}`).join("; ")} }`;
  const ins = named(inputs, of("input")), outs = named(outputs, of("output")), single = inputs.length === 1 && outputs.length === 1;
  const x = arrayOf[of("input")[0]!.dtype], y = arrayOf[of("output")[0]!.dtype];
  return `${types}
declare const model: {
${single ? `  /** ${shapeOf(inputs[0]!)} per sample → ${shapeOf(outputs[0]!)} per sample, a new array. */\n  run(input: ${x}): ${y};\n` : ""}  run(inputs: ${ins}): ${outs};
  runRaw(input: Numbers | Record<string, Numbers>): Numbers | Record<string, Numbers>;
  runInto(input: ${x}, output: ${y}): void;
  reset(): void;
  getState(): Uint8Array;
  setState(bytes: Uint8Array): void;
  selfTest(): { passed: boolean; build: string; digest: string };
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly metadata: Record<string, unknown>;
};
export default model;
`;
}

const shapeOf = ({ name, shape }: { name: string; shape: number[] }) => `${name} [${shape.join(", ")}]`;

const types = `export type Numbers = Float32Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array;
export interface TensorInfo { name: string; shape: number[]; layout: string; dtype: string; rawDtype?: string; scale?: number; zeroPoint?: number }`;
