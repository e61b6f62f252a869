/** Checkpoints on disk: whenever the process or the machine stops, one that is whole can be read. */
import { readFile, rename } from "node:fs/promises";
import { OctavoError } from "../../sdk/errors.ts";
import type { Trainer } from "../../sdk/train/trainer.ts";
import { writeWhole } from "./whole-file.ts";

const previousOf = (path: string) => `${path}.previous`;
const unlessMissing = (error: NodeJS.ErrnoException) => { if (error.code !== "ENOENT") throw error; };

/** Writes `path`; what was there becomes `path.previous`. Both are whole on disk before anything is renamed. */
export async function saveCheckpoint(path: string, trainer: Trainer): Promise<void> {
  const next = `${path}.next`;
  await writeWhole(next, trainer.checkpoint());
  await rename(path, previousOf(path)).catch(unlessMissing);
  await rename(next, path);
}

/**
 * Restores `path`, or `path.previous` where that is missing or damaged.
 * @returns which of them it was
 * @throws OctavoError ERR_OCTAVO_SOURCE where there is none, ERR_OCTAVO_FORMAT where none fits the trainer; nothing changed
 */
export async function restoreCheckpoint(path: string, trainer: Trainer): Promise<"newest" | "previous"> {
  const newest = await attempt(path, trainer), previous = newest && await attempt(previousOf(path), trainer);
  if (newest && previous) throw newest;
  return newest ? "previous" : "newest";
}

/** Nothing, or why it could not be. */
async function attempt(path: string, trainer: Trainer): Promise<Error | undefined> {
  try {
    trainer.restore(new Uint8Array(await readFile(path)));
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? new OctavoError("ERR_OCTAVO_SOURCE", `checkpoint: there is no file "${path}" nor the one before it.`) : error as Error;
  }
}
