/** The last refusal of octavo_load as English text in ASCII. */

/** By code, one line each; 0 says nothing. */
const texts = "\nno model file\nnewer format or abi\ncut off\nmemory layout contradicts itself\nno memory\na port lies outside the arena\n"
  + "program table outside its section\nunknown kernel\nkernel parameters out of bounds\nmore work than any real model\n";
const where = " in call \n";
const NEWLINE: u8 = 10;

/** Writes up to `capacity` bytes to `to`; the length of the whole text. */
export function describe(code: i32, call: i32, to: usize, capacity: u32): u32 {
  let text = changetype<usize>(texts);
  for (; code > 0; text += 2) if (load<u8>(text) == NEWLINE) code--;
  const length = line(to, capacity, 0, text);
  return call < 0 ? length : decimal(to, capacity, line(to, capacity, length, changetype<usize>(where)), call);
}

/** Appends UTF-16 text up to the end of its line. */
function line(to: usize, capacity: u32, length: u32, text: usize): u32 {
  for (; load<u8>(text) != NEWLINE; text += 2) length = letter(to, capacity, length, load<u8>(text));
  return length;
}

function decimal(to: usize, capacity: u32, length: u32, value: i32): u32 {
  if (value >= 10) length = decimal(to, capacity, length, value / 10);
  return letter(to, capacity, length, <u8>(48 + value % 10));
}

function letter(to: usize, capacity: u32, length: u32, value: u8): u32 {
  if (length < capacity) store<u8>(to + length, value);
  return length + 1;
}
