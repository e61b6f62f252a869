/** How the elements of one call are shared out: runs of whole vectors, one run per part. */

/** The first of the elements 0 … n − 1 that belongs to `part`, or n. */
// @ts-ignore: decorator
@inline
export function firstOf(n: i32, part: i32, parts: i32): i32 {
  return part >= parts ? n : <i32>((<i64>n >> 2) * part / parts) << 2;
}
