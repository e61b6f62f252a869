/** The structs that the converter writes are the structs that the kernels read, and their numbers never change. */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { ABI, BASE, kernelNames, kernelNumber, layouts, trainKernelNames } from "../../converter/write/layout.ts";
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

/** Number → name of what the registries export under names that the pattern finds: the name, then the number or the other way round. */
const registries = source("registry.ts") + source("registry.train.ts");
const registered = (pattern: RegExp): Record<number, string> =>
  Object.fromEntries([...registries.matchAll(pattern)].map(({ groups }) => [groups!.number!, groups!.name!]));
const kernels = registered(/(?<name>\w+) as kernel(?<number>\d+)/g), checks = registered(/(?<name>\w+) as check(?<number>\d+)/g);
const structs = registered(/export const size(?<number>\d+) = offsetof<(?<name>\w+)>\(\)/g), names = [...kernelNames, ...trainKernelNames];

test("the registries number kernels, checks and structs as the layout does", () => {
  expect(kernels).toEqual(Object.fromEntries(names.map((name) => [kernelNumber(name), name])));
  expect(Object.keys(checks)).toEqual(Object.keys(kernels));
  expect(Object.keys(structs)).toEqual(Object.keys(kernels));
});

test.each(names)("struct of %s", (name) => {
  const struct = structs[kernelNumber(name)]!;
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
  expect(readFileSync(path.resolve(root, "../sdk/load.ts"), "utf8")).toContain(`ABI = ${ABI};`);
});
