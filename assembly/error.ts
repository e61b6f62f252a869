/** The last refusal of octavo_load as English text in ASCII. */

/** By code; 0 says nothing. */
const texts: StaticArray<string> = [
  "", "no model file", "newer format or abi", "cut off", "memory layout contradicts itself", "no memory", "a port lies outside the arena",
  "program table outside its section", "unknown kernel", "kernel parameters out of bounds", "more work than any real model",
];

/** Writes up to `capacity` bytes to `to`; the length of the whole text. */
export function describe(code: i32, call: i32, to: usize, capacity: u32): u32 {
  const text = unchecked(texts[code >= 0 && code < texts.length ? code : 0]);
  let length = append(to, capacity, 0, text);
  if (call < 0) return length;
  return decimal(to, capacity, append(to, capacity, length, " in call "), call);
}

function append(to: usize, capacity: u32, length: u32, text: string): u32 {
  for (let i = 0; i < text.length; i++, length++) if (length < capacity) store<u8>(to + length, <u8>load<u16>(changetype<usize>(text) + 2 * i));
  return length;
}

function decimal(to: usize, capacity: u32, length: u32, value: i32): u32 {
  if (value >= 10) length = decimal(to, capacity, length, value / 10);
  if (length < capacity) store<u8>(to + length, <u8>(48 + value % 10));
  return length + 1;
}
