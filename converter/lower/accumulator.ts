/** Operators that accumulate: their result is the bytes of what they add to. */
import type { LoweringContext, Operand } from "./context.ts";
import { copyTensor } from "./move.ts";

/** The operand that the kernel adds into: `y` in the place of `acc`, or a copy of `acc` where that is constant or read again. */
export function accumulatorOf(c: LoweringContext, acc: string, y: string): Operand {
  if (!c.lies(y, acc, 0)) c.inherit(y, acc);
  if (!c.lies(y, acc, 0)) copyTensor(c, acc, y);
  return c.at(y);
}
