/** What a failed command says. */
import { OctavoError } from "../../sdk/errors.ts";

/** Causes that a person can do something about, by Node's code. */
const causes: Record<string, string> = {
  ENOENT: "no such file or folder", EACCES: "permission denied", EPERM: "not permitted", EISDIR: "is a folder, expected a file", ENOTDIR: "a part of the path is not a folder",
  ENOSPC: "no space left on the disk", EROFS: "the file system is read-only", EMFILE: "too many open files", ENAMETOOLONG: "the name is too long", ERR_FS_FILE_TOO_LARGE: "larger than 2 GB",
};

/** One message for people; a stack only for what is a fault of ours. */
export function explain(error: unknown): string {
  if (error instanceof OctavoError) return error.message;
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code && causes[code]) return `octavo: ${path ? `file "${path}"` : "file"}: ${causes[code]}.`;
  if (error instanceof RangeError && /allocat|memory|Array buffer|Invalid (typed )?array length/i.test(message)) return `octavo: out of memory (${message}). Give fewer samples at a time.`;
  const detail = process.env.OCTAVO_DEBUG ? `\n${(error as Error)?.stack}` : " Set OCTAVO_DEBUG=1 for the stack.";
  return `octavo: internal error: ${message ?? String(error)}. Please report it.${detail}`;
}
