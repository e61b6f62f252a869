/** The version of the package that this file is part of. */
import { readFile } from "node:fs/promises";

/** Looks upwards: the file runs from the sources as well as from dist. */
export async function version(): Promise<string> {
  for (let folder = new URL("./", import.meta.url); ; folder = new URL("../", folder)) {
    const text = await readFile(new URL("package.json", folder), "utf8").catch(() => "{}");
    const { name, version: found } = JSON.parse(text) as { name?: string; version?: string };
    if (name === "octavo" && found) return found;
    if (folder.pathname === new URL("../", folder).pathname) return "unknown";
  }
}
