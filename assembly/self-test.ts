/** One run on made input: does this host compute the bytes that the converter saw? docs/model-file.md, "Self-test". */
import { INPUT, OUTPUT, Port, portCount, port, reset } from "./model";
import { infer } from "./run";

const FLOAT32: u32 = 0, INT8: u32 = 1, UINT8: u32 = 2, INT16: u32 = 3, UINT16: u32 = 4;
const FNV_OFFSET: u64 = 0xcbf29ce484222325, FNV_PRIME: u64 = 0x100000001b3;

/** Fills the inputs, runs from the initial states, resets them: FNV-1a of the outputs' bytes. */
export function selfTest(): u64 {
  let seed: u32 = 1, hash = FNV_OFFSET;
  reset();
  for (let i: u32 = 0; i < portCount(); i++) if (port(i).kind == INPUT) seed = fill(port(i), seed);
  infer();
  for (let i: u32 = 0; i < portCount(); i++) if (port(i).kind == OUTPUT) hash = hashed(port(i), hash);
  reset();
  return hash;
}

/** Float inputs: every integer behind the port is as likely, or values in [−1, 1) where there are none. Integers: 0. */
function fill(p: Port, seed: u32): u32 {
  if (p.dtype != FLOAT32) {
    memory.fill(p.address, 0, p.bytes);
    return seed;
  }
  for (let at = p.address; at < p.address + (p.bytes & ~3); at += 4) {
    seed = seed * 1664525 + 1013904223;
    store<f32>(at, valueOf(p, seed));
  }
  return seed;
}

function valueOf(p: Port, seed: u32): f32 {
  if (!p.rawAddress || p.rawDtype < INT8 || p.rawDtype > UINT16) return <f32>(<i32>seed >> 8) * <f32>1.1920928955078125e-7; // 2^-23
  const top = <i32>seed >> 16, q = p.rawDtype == INT8 ? top >> 8 : p.rawDtype == UINT8 ? (top >> 8) + 128 : p.rawDtype == INT16 ? top : top + 32768;
  return p.scale * <f32>(q - p.zeroPoint);
}

/** NaNs count as one: their payload differs between engines. */
function hashed(p: Port, hash: u64): u64 {
  for (let at = p.address; at < p.address + (p.bytes & ~3); at += 4) {
    let word = load<u32>(at);
    if (p.dtype == FLOAT32 && load<f32>(at) != load<f32>(at)) word = 0x7fc00000;
    for (let b = 0; b < 4; b++, word >>= 8) hash = (hash ^ (word & 255)) * FNV_PRIME;
  }
  for (let at = p.address + (p.bytes & ~3); at < p.address + p.bytes; at++) hash = (hash ^ load<u8>(at)) * FNV_PRIME;
  return hash;
}
