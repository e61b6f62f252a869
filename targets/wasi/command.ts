/**
 * octavo-run model.octavo < input.npy > output.npy: a WASI preview 1 command. AssemblyScript.
 * Samples stream through: only the model and one sample are in memory. Exit: 0 done, 1 input or model at fault, 2 usage.
 */
import { octavo_alloc, octavo_load } from "../../assembly/index";
import { BASE } from "../../assembly/memory";
import { INPUT, OUTPUT, Port, portOf } from "../../assembly/model";
import { infer } from "../../assembly/run";
import { readHeader, writeHeader } from "./npy";
import { STDERR, STDIN, STDOUT, argument, exit, lengthOf, openFile, readFully, readSome, writeFully } from "./wasi";

const text = memory.data(512);

export function _start(): void {
  const path = argument(1);
  if (!path) return fail(2, "usage: octavo-run model.octavo < input.npy > output.npy\n", 0);
  const file = openFile(path);
  if (file < 0) return fail(1, "octavo-run: the model cannot be opened; is its folder given to the host (--dir)? ", path);
  const length = readModel(file);
  if (length < 0) return fail(1, "octavo-run: the host gives no memory for the model ", path);
  if (octavo_load(BASE, length)) return fail(1, "octavo-run: the file is no valid model file. Convert it again: ", path);
  if (portOf(INPUT, 1) || portOf(OUTPUT, 1)) return fail(1, "octavo-run: the model has several inputs or outputs, expected one of each: ", path);
  run();
}

/** The whole file at BASE; its length, or −1 where memory ends. */
function readModel(file: i32): i32 {
  let length = 0;
  while (true) {
    if (!octavo_alloc(length + 65536)) return -1;
    const count = readSome(file, BASE + length, 65536);
    if (count <= 0) return length;
    length += count;
  }
}

function run(): void {
  const x = changetype<Port>(portOf(INPUT, 0)), y = changetype<Port>(portOf(OUTPUT, 0)), values = readHeader();
  if (x.dtype || y.dtype) return fail(1, "octavo-run: the model takes or gives integers, expected float32\n", 0);
  const perSample = <f64>(x.bytes / 4), samples = values / perSample;
  if (values < 1 || samples != floor(samples) || samples > 2147483647) return fail(1, "octavo-run: standard input is no C-ordered float32 .npy of whole samples of this model\n", 0);
  if (!writeHeader(<i32>samples, y.bytes / 4)) return fail(1, "octavo-run: standard output cannot be written\n", 0);
  for (let n = 0; n < <i32>samples; n++) {
    if (readFully(STDIN, x.address, x.bytes) != x.bytes) return fail(1, "octavo-run: standard input ends before its last sample\n", 0);
    infer();
    if (!writeFully(STDOUT, y.address, y.bytes)) return fail(1, "octavo-run: standard output cannot be written\n", 0);
  }
}

function fail(code: i32, message: string, path: usize): void {
  const length = min(message.length, 512);
  for (let i = 0; i < length; i++) store<u8>(text + i, <u8>message.charCodeAt(i));
  writeFully(STDERR, text, length);
  if (path) {
    writeFully(STDERR, path, lengthOf(path));
    store<u8>(text, 10);
    writeFully(STDERR, text, 1);
  }
  exit(code);
}
