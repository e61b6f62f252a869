/**
 * octavo-run model.octavo < input.npy > output.npy: a WASI preview 1 command. AssemblyScript.
 * octavo-run --self-test model.octavo: does this host compute the bytes that the converter saw?
 * Samples stream through: only the model and one sample are in memory. Exit: 0 done, 1 input or model at fault, 2 usage.
 */
import { octavo_load, octavo_self_test } from "../../assembly/index";
import { BASE } from "../../assembly/memory";
import { INPUT, OUTPUT, Port, portOf } from "../../assembly/model";
import { infer } from "../../assembly/run";
import { isFloat32, readHeader, writeHeader } from "./npy";
import { isWord } from "./text";
import { STDERR, STDIN, STDOUT, argument, exit, lengthOf, openFile, readFully, readModel, writeFully } from "./wasi";

export * from "../../assembly/functions";
export * from "../../assembly/registry";
export { tableSizes } from "../../assembly/tables";

const text = memory.data(512);

export function _start(): void {
  const testing = isWord(argument(1), "--self-test"), path = argument(testing ? 2 : 1);
  if (!path) return fail(2, "usage: octavo-run [--self-test] model.octavo < input.npy > output.npy\n", 0);
  const file = openFile(path);
  if (file < 0) return fail(1, "octavo-run: the model cannot be opened; is its folder given to the host (--dir)? ", path);
  const length = readModel(file);
  if (length < 0) return fail(1, "octavo-run: the host gives no memory for the model ", path);
  if (octavo_load(BASE, length)) return fail(1, "octavo-run: the file is no valid model file. Convert it again: ", path);
  if (testing) return selfTest(path);
  if (portOf(INPUT, 1) || portOf(OUTPUT, 1)) return fail(1, "octavo-run: the model has several inputs or outputs, expected one of each: ", path);
  run();
}

/** The digest on standard output; the golden one is the u64 at byte 88 of the file. */
function selfTest(path: usize): void {
  const golden = load<u64>(BASE, 88), found = octavo_self_test();
  if (!golden) return fail(1, "octavo-run: the file holds no golden digest. Convert it again: ", path);
  for (let i = 0; i < 16; i++) {
    const digit = <u8>(found >> (60 - 4 * i) & 15);
    store<u8>(text + i, digit < 10 ? 48 + digit : 87 + digit);
  }
  store<u8>(text + 16, 10);
  writeFully(STDOUT, text, 17);
  if (found != golden) fail(1, "octavo-run: this host computes other bytes than the one that converted ", path);
}

function run(): void {
  const x = changetype<Port>(portOf(INPUT, 0)), y = changetype<Port>(portOf(OUTPUT, 0)), values = readHeader(STDIN);
  if (x.dtype || y.dtype) return fail(1, "octavo-run: the model takes or gives integers, expected float32\n", 0);
  const perSample = <f64>(x.bytes / 4), samples = values / perSample;
  if (values < 1 || !isFloat32() || samples != floor(samples) || samples > 2147483647) return fail(1, "octavo-run: standard input is no C-ordered float32 .npy of whole samples of this model\n", 0);
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
