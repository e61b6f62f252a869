/** The structs that the converter writes are the structs that the kernels read, and their numbers never change. */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { ABI, BASE, FIRST_TRAIN, kernelNames, kernelNumber, layouts, trainKernelNames } from "../../converter/write/layout.ts";
import pinned from "./abi.json" with { type: "json" };

const root = path.resolve(import.meta.dirname, "../../assembly");
const source = (file: string) => readFileSync(path.join(root, file), "utf8");
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(".ts")).map(source).join("\n");
const types: Record<string, string> = { usize: "ptr", i32: "i32", u32: "i32", f32: "f32" };

/** Fields of `@unmanaged class NAME`, in order. */
function fieldsOf(className: string): string[][] {
  const body = new RegExp(`@unmanaged\\s+export class ${className}(?: extends (\\w+))? \\{([^}]*)\\}`).exec(files);
  if (!body) throw new Error(`assembly has no class ${className}`);
  const own = [...body[2]!.replace(/\/\*[^]*?\*\/|\/\/.*/g, "").matchAll(/(\w+): (\w+);/g)].map((m) => [m[1]!, types[m[2]!] ?? m[2]!]);
  return body[1] ? [...fieldsOf(body[1]), ...own] : own;
}

const registered = (file: string, name: string, pattern: RegExp) =>
  [...new RegExp(`export const ${name}: [^=]*= \\[([^\\]]*)\\]`).exec(source(file))![1]!.matchAll(pattern)].map((m) => m[1]!);

const registries = [
  { file: "registry.ts", kernels: "kernels", checks: "checks", structs: "structSizes", names: kernelNames },
  { file: "registry.train.ts", kernels: "trainKernels", checks: "trainChecks", structs: "trainStructSizes", names: trainKernelNames },
];
const structsOf = ({ file, structs }: (typeof registries)[number]) => registered(file, structs, /offsetof<(\w+)>\(\)/g);

test.each(registries)("$file lists kernels, checks and structs in the order of the layout", (registry) => {
  const { file, kernels, checks, names } = registry;
  expect(registered(file, kernels, /changetype<Kernel>\((\w+)\)/g)).toEqual(names);
  expect(registered(file, checks, /changetype<Check>\((\w+)\)/g).length).toBe(names.length);
  expect(structsOf(registry).length).toBe(names.length);
});

test.each(registries.flatMap((r) => r.names.map((name, i) => [name, structsOf(r)[i]!] as const)))("struct of %s", (name, struct) => {
  expect(layouts[name].map(([field, type]) => [field, type === "fn" ? "i32" : type])).toEqual(fieldsOf(struct));
});

test("numbers and structs of released abis are as they were", () => {
  for (const [name, { number, fields }] of Object.entries(pinned as Record<string, { number: number; fields: string }>)) {
    expect(kernelNumber(name as keyof typeof layouts)).toBe(number);
    expect(layouts[name as keyof typeof layouts].map((f) => f.join(":")).join(" ")).toBe(fields);
  }
});

test("converter, kernels and SDK agree on base address and abi", () => {
  expect(source("memory.ts")).toContain(`BASE: usize = ${BASE};`);
  expect(source("model.ts")).toContain(`ABI: u32 = ${ABI};`);
  expect(source("registry.train.ts")).toContain(`FIRST_TRAIN: u32 = ${FIRST_TRAIN};`);
  expect(readFileSync(path.resolve(root, "../sdk/load.ts"), "utf8")).toContain(`ABI = ${ABI};`);
});
