/** The end of a run: what each state's output holds becomes its input of the next. */
import { bytesOf, sizeOf } from "../ir/graph.ts";
import type { LoweringContext, Operand } from "./context.ts";

/** Outputs that are themselves another state's input (delay lines) are read before any state is written. */
export function updateStates(c: LoweringContext): void {
  const { states } = c.graph, inputs = new Set(states.map((s) => s.input));
  const sources = states.map((s) => (inputs.has(s.output) ? saved(c, s.output) : c.at(s.output)));
  states.forEach((s, i) => {
    c.begin(`${s.input} next`);
    block(c, sources[i]!, c.at(s.input), s.input);
  });
}

function saved(c: LoweringContext, name: string): Operand {
  const { shape, dtype } = c.tensor(name), copy = c.scratch(sizeOf(shape) * bytesOf(dtype));
  c.begin(`${name} saved`);
  block(c, c.at(name), copy, name);
  return copy;
}

function block(c: LoweringContext, x: Operand, y: Operand, like: string): void {
  const { shape, dtype } = c.tensor(like), axes = (prefix: string, last: number, rest: number) => Object.fromEntries([rest, rest, rest, rest, rest, last].map((v, i) => [`${prefix}${i}`, v]));
  c.call("copy", { x, y, bytes: bytesOf(dtype), ...axes("n", sizeOf(shape), 1), ...axes("x", 1, 0), ...axes("y", 1, 0) }, ["y"]);
}
