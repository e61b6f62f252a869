/** Files that are there as a whole or not at all. */
import { open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Writes beside `path` and renames, so that no reader ever sees a part. Devices and pipes are written directly. */
export async function writeWhole(path: string, bytes: Uint8Array | string): Promise<void> {
  const special = await stat(path).then((s) => !s.isFile(), () => false);
  const target = special ? path : join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const file = await open(target, "w");
    try {
      await file.writeFile(bytes);
      if (!special) await file.sync();
    } finally {
      await file.close();
    }
    if (!special) await rename(target, path);
  } catch (error) {
    if (!special) await rm(target, { force: true });
    throw Object.assign(error as Error, { path });
  }
}
