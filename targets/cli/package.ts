/** The package that this file is part of. Looks upwards: the file runs from the sources as well as from dist. */
import { readFile } from "node:fs/promises";

async function find(): Promise<{ root: URL; version: string }> {
  for (let root = new URL("./", import.meta.url); ; root = new URL("../", root)) {
    const { name, version } = JSON.parse(await readFile(new URL("package.json", root), "utf8").catch(() => "{}")) as { name?: string; version?: string };
    if (name === "octavo" && version) return { root, version };
    if (root.pathname === new URL("../", root).pathname) throw new Error("package.json of octavo was not found");
  }
}

export const version = async (): Promise<string> => (await find()).version;

/** A file that ships with the package, by its path from the package's root. */
export const shipped = async (path: string): Promise<URL> => new URL(path, (await find()).root);
