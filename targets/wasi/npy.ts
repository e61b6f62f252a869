/** The NumPy format 1.0 and 2.0, one array of float32, as it streams by. AssemblyScript. Source: numpy.lib.format. */
import { STDIN, STDOUT, readFully, writeFully } from "./wasi";

const MAX_HEADER: i32 = 4096;
const header = memory.data(MAX_HEADER, 16);

/** Reads the header from standard input: the number of values, or −1 if it is no C-ordered little-endian float32 array. */
export function readHeader(): f64 {
  if (readFully(STDIN, header, 10) != 10 || load<u32>(header) != 0x4d554e93) return -1;
  let length = <i32>load<u16>(header, 8);
  if (load<u8>(header, 6) >= 2) {
    if (readFully(STDIN, header + 10, 2) != 2) return -1;
    length = load<i32>(header, 8);
  }
  if (length <= 0 || length > MAX_HEADER || readFully(STDIN, header, length) != length) return -1;
  if (find(length, 0x3466, 2) < 0 || find(length, 0x65757254, 4) >= 0) return -1; // "f4", no "True"
  return valuesIn(length);
}

/** Position of the little-endian bytes of `text`, or −1. */
function find(length: i32, text: u32, bytes: i32): i32 {
  const mask: u32 = bytes == 4 ? 0xffffffff : (1 << (8 * bytes)) - 1;
  for (let i = 0; i + 4 <= length; i++) if ((load<u32>(header + i) & mask) == text) return i;
  return -1;
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
