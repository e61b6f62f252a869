/** When the bytes of each buffer are in use: positions in the list of calls. */
import { resolve, type Program } from "../lower/context.ts";

export { resolve };

/** In use from call `first` to call `last`, both included; −1 is before the program, calls.length after it. */
export interface Lifetime { id: string; bytes: number; first: number; last: number }

/** @param inputs alive before the first call · @param outputs alive after the last · states are alive always */
export function lifetimes(program: Program, inputs: readonly string[], outputs: readonly string[]): Lifetime[] {
  const spans = new Map<string, Lifetime>();
  const use = (id: string, at: number) => {
    const buffer = resolve(program, id).id, bytes = program.buffers.get(buffer);
    if (bytes === undefined) return;
    const span = spans.get(buffer) ?? { id: buffer, bytes, first: at, last: at };
    spans.set(buffer, { ...span, first: Math.min(span.first, at), last: Math.max(span.last, at) });
  };
  for (const id of inputs) use(id, -1);
  program.calls.forEach((call, at) => [...call.reads, ...call.writes].forEach((id) => use(id, at)));
  for (const id of outputs) use(id, program.calls.length);
  return [...spans.values()];
}
