/**
 * One model, one module: the model file becomes a data segment of a build, table entries that its programs do not name
 * are cut, and what is then unreachable is removed by Binaryen.
 */
import type Binaryen from "binaryen";
import { OctavoError } from "../ir/error.ts";
import { BASE } from "../write/layout.ts";
import { usedBy } from "./used.ts";

/** What a bundle needs of the module it is cut from, beside what every host calls. */
interface Exports { octavo_kernel_entry(kernel: number): number; octavo_function_entry(fn: number): number; octavo_abi_version(): number }

/** Exports that stay; loading and validating are over. */
const KEPT = new Set(["memory", "octavo_abi_version", "octavo_run", "octavo_run_raw", "octavo_reset", "octavo_input", "octavo_output", "octavo_state", "octavo_self_test", "_initialize"]);
const PAGE = 65536, SLACK = 64;

/**
 * @param model a checked model file
 * @param build bytes of a build of assembly/
 * @returns a module without imports that holds the model; its memory has the size that the model needs, no more
 */
export async function bundle(model: Uint8Array, build: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const { default: binaryen } = await import("binaryen");
  const header = new DataView(model.buffer, model.byteOffset), imageBytes = header.getUint32(16, true), end = header.getUint32(32, true);
  const module = binaryen.readBinary(build);
  try {
    module.setFeatures(binaryen.Features.All);
    keepOnly(binaryen, module, usedEntries(model, build));
    for (const name of exportNames(binaryen, module)) if (!KEPT.has(name)) module.removeExport(name);
    embed(module, model.subarray(0, imageBytes), Math.ceil((end + SLACK) / PAGE));
    if (hasStates(model)) module.setStart(module.getFunction(functionOf(binaryen, module, "octavo_reset")));
    shrink(binaryen, module);
    if (!module.validate()) throw new OctavoError("ERR_OCTAVO_FORMAT", "bundle: the module that came out is not valid. Convert the model again.");
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

/** Positions in the function table of what the programs call. */
function usedEntries(model: Uint8Array, build: Uint8Array<ArrayBuffer>): Set<number> {
  const exports = new WebAssembly.Instance(new WebAssembly.Module(build), {}).exports as unknown as Exports;
  const { kernels, functions } = usedBy(model);
  return new Set([...[...kernels].map((k) => exports.octavo_kernel_entry(k)), ...[...functions].map((f) => exports.octavo_function_entry(f))]);
}

/** Every other place of the table stays empty. */
function keepOnly(binaryen: typeof Binaryen, module: Binaryen.Module, used: ReadonlySet<number>): void {
  const segments = Array.from({ length: module.getNumElementSegments() }, (_, i) => binaryen.getElementSegmentInfo(module.getElementSegmentByIndex(i)));
  for (const { name, table, offset, data } of segments) {
    const start = (binaryen.getExpressionInfo(offset) as Binaryen.ConstInfo).value as number;
    data.forEach((fn, i) => { if (used.has(start + i)) module.addActiveElementSegment(table, `entry${start + i}`, [fn], module.i32.const(start + i)); });
    module.removeElementSegment(name);
  }
}

const exportNames = (binaryen: typeof Binaryen, module: Binaryen.Module): string[] =>
  Array.from({ length: module.getNumExports() }, (_, i) => binaryen.getExportInfo(module.getExportByIndex(i)).name);

const functionOf = (binaryen: typeof Binaryen, module: Binaryen.Module, name: string): string => binaryen.getExportInfo(module.getExport(name)).value;

function embed(module: Binaryen.Module, image: Uint8Array, pages: number): void {
  const segments = module as unknown as DataSegments;
  const own: NamedSegment[] = Array.from({ length: segments.getNumDataSegments() }, (_, i) => {
    const { name, offset, data } = segments.getDataSegmentInfo(segments.getDataSegmentByIndex(i));
    return { name, offset: module.i32.const(offset), data: new Uint8Array(data) };
  });
  module.removeExport("memory");
  const model: NamedSegment = { name: "model", offset: module.i32.const(BASE), data: image };
  module.setMemory(pages, pages, "memory", [...own, model], false, false, "0");
}

/** Parts of binaryen.js that its declarations leave out. */
interface NamedSegment extends Binaryen.MemorySegment { name: string }
interface DataSegments {
  getNumDataSegments(): number;
  getDataSegmentByIndex(index: number): number;
  getDataSegmentInfo(segment: number): { name: string; offset: number; data: ArrayBuffer };
}

const hasStates = (model: Uint8Array): boolean => {
  const view = new DataView(model.buffer, model.byteOffset), io = view.getUint32(40, true), bytes = view.getUint32(44, true);
  for (let at = io; at < io + bytes; at += 32) if (view.getUint32(at, true) === 2) return true;
  return false;
};

function shrink(binaryen: typeof Binaryen, module: Binaryen.Module): void {
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(0);
  module.runPasses(["remove-unused-module-elements", "memory-packing", "directize", "vacuum", "duplicate-function-elimination", "reorder-functions", "remove-unused-module-elements", "strip-debug", "strip-producers"]);
}
