/** Files in and out: whole reads, and writes that leave either the old file or the whole new one. */
import { access, constants, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { OctavoError } from "../../sdk/errors.ts";

export { writeWhole } from "../node/whole-file.ts";

/** @throws the system's error with `path`, which `explain` words */
export async function readBytes(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => { throw Object.assign(error, { path }); });
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(new TextDecoder().decode(await readBytes(path)));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new OctavoError("ERR_OCTAVO_FORMAT", `json: file "${path}": ${error.message}.`);
  }
}

/**
 * Called before long work, so that it is not lost at its end.
 * @throws OctavoError where `path` could not be written
 */
export async function checkWritable(path: string): Promise<void> {
  const folder = dirname(path), refuse = (problem: string) => { throw new OctavoError("ERR_OCTAVO_SOURCE", `octavo: output "${path}": ${problem}.`); };
  const at = await stat(path).catch(() => undefined);
  if (at?.isDirectory()) refuse("is a folder, expected a file name");
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) refuse(`the folder "${folder}" does not exist. Create it first`);
  await access(folder, constants.W_OK).catch(() => refuse(`the folder "${folder}" cannot be written`));
  if (at) await access(path, constants.W_OK).catch(() => refuse("the file is there and cannot be written"));
}
