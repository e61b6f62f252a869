/** WASI preview 1: what the command needs of it, checked. AssemblyScript. */
import { octavo_alloc } from "../../assembly/index";
import { BASE } from "../../assembly/memory";

@external("wasi_snapshot_preview1", "args_sizes_get")
declare function args_sizes_get(count: usize, bytes: usize): i32;
@external("wasi_snapshot_preview1", "args_get")
declare function args_get(pointers: usize, text: usize): i32;
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: i32, vectors: usize, count: i32, read: usize): i32;
@external("wasi_snapshot_preview1", "fd_pread")
declare function fd_pread(fd: i32, vectors: usize, count: i32, offset: i64, read: usize): i32;
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, vectors: usize, count: i32, written: usize): i32;
@external("wasi_snapshot_preview1", "fd_prestat_get")
declare function fd_prestat_get(fd: i32, prestat: usize): i32;
@external("wasi_snapshot_preview1", "fd_prestat_dir_name")
declare function fd_prestat_dir_name(fd: i32, path: usize, length: i32): i32;
@external("wasi_snapshot_preview1", "path_open")
declare function path_open(fd: i32, flags: i32, path: usize, length: i32, open: i32, rights: i64, inheriting: i64, fdFlags: i32, opened: usize): i32;
@external("wasi_snapshot_preview1", "path_rename")
declare function path_rename(fd: i32, path: usize, length: i32, toFd: i32, to: usize, toLength: i32): i32;
@external("wasi_snapshot_preview1", "fd_close")
declare function fd_close(fd: i32): i32;
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: i32): void;

export const STDIN: i32 = 0, STDOUT: i32 = 1, STDERR: i32 = 2;
const RIGHT_READ: i64 = 2, RIGHT_SEEK: i64 = 4, RIGHT_WRITE: i64 = 64;
const CREATE_AND_EMPTY: i32 = 1 | 8;

/** Room for arguments and one I/O vector. */
const SPACE: i32 = 4096;
const space = memory.data(SPACE, 16);
const vector = memory.data(16, 16);

/** The i-th argument as a zero-ended string, or 0. */
export function argument(i: i32): usize {
  if (args_sizes_get(space, space + 4)) return 0;
  const count = load<i32>(space), bytes = load<i32>(space, 4);
  if (i >= count || count * 4 + bytes > SPACE || args_get(space, space + 4 * count)) return 0;
  return load<usize>(space + 4 * i);
}

export function lengthOf(text: usize): i32 {
  let n = 0;
  while (load<u8>(text + n)) n++;
  return n;
}

/** Up to `length` bytes at `to`; how many came, 0 at the end, −1 for an error. */
export function readSome(fd: i32, to: usize, length: i32): i32 {
  store<usize>(vector, to);
  store<i32>(vector, length, 4);
  return fd_read(fd, vector, 1, vector + 8) ? -1 : load<i32>(vector, 8);
}

/** All `length` bytes unless the input ends before: how many came, −1 for an error. */
export function readFully(fd: i32, to: usize, length: i32): i32 {
  let done = 0;
  while (done < length) {
    const count = readSome(fd, to + done, length - done);
    if (count < 0) return -1;
    if (count == 0) break;
    done += count;
  }
  return done;
}

export function writeFully(fd: i32, from: usize, length: i32): bool {
  while (length > 0) {
    store<usize>(vector, from);
    store<i32>(vector, length, 4);
    if (fd_write(fd, vector, 1, vector + 8)) return false;
    const count = load<i32>(vector, 8);
    if (count <= 0) return false;
    from += count;
    length -= count;
  }
  return true;
}

/** `length` bytes from `offset` of a file; false where it has fewer. */
export function readAt(fd: i32, offset: i64, to: usize, length: i32): bool {
  while (length > 0) {
    store<usize>(vector, to);
    store<i32>(vector, length, 4);
    if (fd_pread(fd, vector, 1, offset, vector + 8)) return false;
    const count = load<i32>(vector, 8);
    if (count <= 0) return false;
    to += count;
    offset += count;
    length -= count;
  }
  return true;
}

/** A file below one of the folders that the host opened for us; −1 where none has it. */
export function openFile(path: usize): i32 {
  return open(path, 0, RIGHT_READ | RIGHT_SEEK);
}

/** An empty file to write; −1 where no folder takes it. */
export function createFile(path: usize): i32 {
  return open(path, CREATE_AND_EMPTY, RIGHT_WRITE);
}

/** The folder and the path below it where `open` found or made the last file. */
let folder: i32 = -1, inside: usize = 0;

function open(path: usize, flags: i32, rights: i64): i32 {
  const name = path + (load<u8>(path) == 0x2f ? 1 : 0);
  for (let fd = 3; fd_prestat_get(fd, vector) == 0; fd++) {
    folder = fd;
    if (openIn(withoutFolder(fd, load<i32>(vector, 4), path), flags, rights) || openIn(name, flags, rights)) return load<i32>(vector);
  }
  return -1;
}

function openIn(name: usize, flags: i32, rights: i64): bool {
  inside = name;
  return name != 0 && path_open(folder, 1, name, lengthOf(name), flags, rights, 0, 0, vector) == 0;
}

/** Closes the file that was created last, at a path that ends in `suffix`, and renames it to the path without. */
export function finishFile(fd: i32, suffix: i32): bool {
  const length = lengthOf(inside);
  return fd_close(fd) == 0 && path_rename(folder, inside, length, folder, inside, length - suffix) == 0;
}

/** `path` without the folder's own name before it, or 0 where it does not start so. */
function withoutFolder(fd: i32, length: i32, path: usize): usize {
  const name = space + SPACE - 1024;
  if (length <= 0 || length > 1024 || fd_prestat_dir_name(fd, name, length)) return 0;
  for (let i = 0; i < length; i++) if (load<u8>(name + i) != load<u8>(path + i)) return 0;
  if (load<u8>(path + length) != 0x2f && load<u8>(name + length - 1) != 0x2f) return 0;
  while (load<u8>(path + length) == 0x2f) length++;
  return path + length;
}

export function exit(code: i32): void {
  proc_exit(code);
}

/** The whole file at BASE; its length, or −1 where memory ends. */
export function readModel(file: i32): i32 {
  let length = 0;
  while (true) {
    if (!octavo_alloc(length + 65536)) return -1;
    const count = readSome(file, BASE + length, 65536);
    if (count <= 0) return length;
    length += count;
  }
}
