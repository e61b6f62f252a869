// The exports kernelN, checkN, sizeN and functionN of a module become its function table and the data at its export
// `tableSizes`, its imports from `tables` calls through that table: see assembly/tables.ts.
import { readFileSync, writeFileSync } from "node:fs";
import binaryen from "binaryen";

const CHECKS = 256, FUNCTIONS = 512, { Features } = binaryen;
/** Positions in the function table: the number and what is added to it. */
const bases = { kernel: 0, check: CHECKS, function: FUNCTIONS };

/** @param file path of a module; it is rewritten */
export function fillTables(file) {
  const module = binaryen.readBinary(readFileSync(file));
  module.setFeatures(Features.BulkMemory | Features.BulkMemoryOpt | Features.MutableGlobals | Features.SignExt | Features.NontrappingFPToInt | Features.SIMD128 | Features.RelaxedSIMD);
  const entries = takeExports(module);
  fillFunctionTable(module, entries.filter(({ kind }) => kind in bases));
  for (const imported of importsOf(module)) callThroughTable(module, imported);
  fillSizes(module, entries);
  if (!module.validate()) throw new Error(`${file}: the tables leave no valid module`);
  writeFileSync(file, module.emitBinary());
  module.dispose();
}

/** Removes the exports that describe tables: kind, number, and the name of the function or global. */
function takeExports(module) {
  const all = Array.from({ length: module.getNumExports() }, (_, i) => binaryen.getExportInfo(module.getExportByIndex(i)));
  const entries = all.flatMap(({ name, value }) => {
    const [, kind, number] = /^(kernel|check|size|function|tableSizes)(\d*)$/.exec(name) ?? [];
    return kind ? [{ name, kind, number: Number(number), value }] : [];
  });
  for (const { name } of entries) module.removeExport(name);
  return entries;
}

/** One element segment for each run of neighbours: positions between them stay empty. */
function fillFunctionTable(module, entries) {
  const placed = entries.map(({ kind, number, value }) => ({ at: bases[kind] + number, value })).sort((a, b) => a.at - b.at);
  const runs = placed.reduce((found, { at, value }) => {
    const last = found.at(-1);
    if (last && last.at + last.names.length === at) last.names.push(value);
    else found.push({ at, names: [value] });
    return found;
  }, []);
  const end = placed.at(-1).at + 1;
  module.removeTable("0");
  module.addTable("0", end, end, binaryen.funcref);
  for (const { at, names } of runs) module.addActiveElementSegment("0", `table${at}`, names, module.i32.const(at));
}

const importsOf = (module) => Array.from({ length: module.getNumFunctions() }, (_, i) => binaryen.getFunctionInfo(module.getFunctionByIndex(i))).filter((f) => f.module === "tables");

/** An import tables.KIND(…, number) becomes a function that calls entry `number` of that kind with the other operands. */
function callThroughTable(module, { name, base, params, results }) {
  const types = binaryen.expandType(params), operands = types.map((type, i) => module.local.get(i, type)), number = operands.pop();
  const place = module.i32.add(number, module.i32.const(bases[base]));
  module.removeFunction(name);
  module.addFunction(name, params, results, [], module.call_indirect("0", place, operands, binaryen.createType(types.slice(0, -1)), results));
}

function fillSizes(module, entries) {
  const constant = ({ value }) => binaryen.getExpressionInfo(binaryen.getGlobalInfo(module.getGlobal(value)).init).value;
  const sizes = new Uint16Array(CHECKS + 1);
  for (const entry of entries.filter(({ kind }) => kind === "size")) sizes[entry.number] = constant(entry);
  sizes[CHECKS] = entries.filter(({ kind }) => kind === "function").length;
  const segments = Array.from({ length: module.getNumDataSegments() }, (_, i) => {
    const { name, offset, data } = module.getDataSegmentInfo(module.getDataSegmentByIndex(i));
    return { name, offset: module.i32.const(offset), data: new Uint8Array(data) };
  });
  const at = constant(entries.find(({ kind }) => kind === "tableSizes"));
  module.removeExport("memory");
  module.setMemory(1, -1, "memory", [...segments, { name: "sizes", offset: module.i32.const(at), data: new Uint8Array(sizes.buffer) }], false, false, "0");
}
