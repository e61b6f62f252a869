/** The NumPy format 1.0 and 2.0. AssemblyScript. Source: numpy.lib.format. */
import { STDOUT, readFully, writeFully } from "./wasi";

const MAX_HEADER: i32 = 4096;
const header = memory.data(MAX_HEADER, 16);

/** Elements that are read, little-endian. */
export const FLOAT32: i32 = 0, UINT8: i32 = 1, INT8: i32 = 2, INT32: i32 = 3, INT64: i32 = 4, FLOAT64: i32 = 5;
/** Of the header that was read last: its length, and where elements begin. */
let headerLength: i32 = 0;
export let dataStart: i32 = 0;

/** Reads the header at the start of a file: the number of values, or −1 if it is no C-ordered array. */
export function readHeader(fd: i32): f64 {
  if (readFully(fd, header, 10) != 10 || load<u32>(header) != 0x4d554e93) return -1;
  let length = <i32>load<u16>(header, 8);
  dataStart = 10;
  if (load<u8>(header, 6) >= 2) {
    if (readFully(fd, header + 10, 2) != 2) return -1;
    length = load<i32>(header, 8);
    dataStart = 12;
  }
  if (length <= 0 || length > MAX_HEADER || readFully(fd, header, length) != length) return -1;
  dataStart += length;
  headerLength = length;
  return has(0x65757254) ? -1 : valuesIn(length); // "True"
}

/** "<f4" in the header that was read last. */
export function isFloat32(): bool {
  return has(0x2734663c);
}

/** Its element type; −1 for others. */
export function elementType(): i32 {
  if (isFloat32()) return FLOAT32;
  if (has(0x2731757c)) return UINT8;
  if (has(0x2731697c)) return INT8;
  if (has(0x2734693c)) return INT32;
  if (has(0x2738693c)) return INT64;
  return has(0x2738663c) ? FLOAT64 : -1;
}

export function elementBytes(type: i32): i32 {
  return type == UINT8 || type == INT8 ? 1 : type == INT64 || type == FLOAT64 ? 8 : 4;
}

export function elementAt(type: i32, at: usize): f64 {
  if (type == FLOAT32) return <f64>load<f32>(at);
  if (type == UINT8) return <f64>load<u8>(at);
  if (type == INT8) return <f64>load<i8>(at);
  if (type == INT32) return <f64>load<i32>(at);
  return type == INT64 ? <f64>load<i64>(at) : load<f64>(at);
}

/** Does the header hold these four little-endian bytes? */
function has(text: u32): bool {
  for (let i = 0; i + 4 <= headerLength; i++) if (load<u32>(header + i) == text) return true;
  return false;
}

/** Product of the numbers between the parentheses. */
function valuesIn(length: i32): f64 {
  let i = 0, product: f64 = 1;
  while (i < length && load<u8>(header + i) != 0x28) i++;
  for (i++; i < length && load<u8>(header + i) != 0x29; i++) {
    let n: f64 = 0, digits = 0;
    for (; i < length && <u32>load<u8>(header + i) - 48 < 10; i++, digits++) n = n * 10 + <f64>(load<u8>(header + i) - 48);
    if (digits) {
      product *= n;
      i--;
    }
  }
  return product;
}

/** Writes the header of a float32 array [rows, columns] to standard output. */
export function writeHeader(rows: i32, columns: i32): bool {
  memory.fill(header, 0x20, 128);
  store<u64>(header, 0x00_01_59_50_4d_55_4e_93); // \x93NUMPY, version 1.0
  store<u16>(header, 118, 8);
  let at = append(header + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
  at = append(number(append(number(at, rows), ", "), columns), "), }");
  store<u8>(header, 10, 127);
  return writeFully(STDOUT, header, 128);
}

function append(at: usize, text: string): usize {
  for (let i = 0; i < text.length; i++) store<u8>(at + i, <u8>text.charCodeAt(i));
  return at + text.length;
}

function number(at: usize, value: i32): usize {
  if (value >= 10) at = number(at, value / 10);
  store<u8>(at, <u8>(48 + value % 10));
  return at + 1;
}
