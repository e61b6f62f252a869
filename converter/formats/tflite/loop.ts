/**
 * WHILE loops that are recurrent layers: what the converter leaves of a GRU, and of an LSTM that it did not fuse. The loop
 * carries counters, the sequence [T,N,I] (read at the counter), the states [N,H], and the outputs collected so far
 * ([T,N,H], or [1,N,H] for the last one only). The step that `cell.ts` finds in the body is compared with the loop itself
 * on random numbers over its first steps; where they differ, the loop is written out instead.
 */
import { GraphBuilder } from "../../ir/builder.ts";
import { isConstant, sizeOf, tensorOf, type Tensor } from "../../ir/graph.ts";
import type { Call } from "./control.ts";
import { agrees, findCell, fits, layer } from "./loop-cell.ts";
import type { TfliteNode } from "./node.ts";
import type { TfliteSubgraph } from "./schema.ts";
import type { Passed, Scope } from "./scope.ts";

/** One variable of the loop, by what it is for. */
type Role = "counter" | "constant" | "sequence" | "state" | "outputs" | "handle";
interface LoopVariable { role: Role; tensor: Tensor | undefined; passed: Passed }
export interface Loop { scope: Scope; call: Call; condition: TfliteSubgraph; body: TfliteSubgraph; variables: LoopVariable[]; steps: number; lastCounters: Tensor[] }

/** The values of the loop's variables after it, or undefined where it is no recurrent layer. */
export function recurrentLoop(n: TfliteNode, call: Call, condition: TfliteSubgraph, body: TfliteSubgraph, inputs: Passed[]): Passed[] | undefined {
  const roles = condition.inputs.length === inputs.length ? rolesOf(n, body, inputs) : undefined;
  const loop: Loop | undefined = roles && { scope: n.scope, call, condition, body, variables: roles, steps: 0, lastCounters: [] };
  if (!loop || !countSteps(loop)) return undefined;
  const cell = findCell(loop);
  return cell && fits(loop, cell) && agrees(loop, cell) ? layer(n, loop, cell) : undefined;
}

export const numbersOf = (loop: Loop, role: Role): number[] => loop.variables.flatMap((v, i) => (v.role === role ? [i] : []));

/** Operators that `outputs` of a subgraph need, and inputs that they read, by number. */
function needed(s: TfliteSubgraph, outputs: number[]): { part: TfliteSubgraph; inputs: Set<number> } {
  const wanted = new Set(outputs.map((i) => s.outputs[i]!));
  const operators = s.operators.toReversed().filter((op) => op.outputs.some((o) => wanted.has(o)) && op.inputs.every((i) => wanted.add(i))).reverse();
  return { part: { ...s, operators, outputs: outputs.map((i) => s.outputs[i]!) }, inputs: new Set(s.inputs.flatMap((t, i) => (wanted.has(t) ? [i] : []))) };
}

function rolesOf(n: TfliteNode, body: TfliteSubgraph, inputs: Passed[]): LoopVariable[] | undefined {
  if (body.inputs.length !== inputs.length || body.outputs.length !== inputs.length || inputs.length > 64) return undefined;
  const tensors = inputs.map((p) => (p.name ? tensorOf(n.graph.graph, p.name) : undefined));
  const small = tensors.map((t, i) => (t && t.dtype !== "float32" && sizeOf(t.shape) <= 16 && n.graph.valueOf(t.name) ? i : -1));
  const counters = closed(body, small.filter((i) => i >= 0));
  return inputs.map((passed, i) => {
    const tensor = tensors[i], kept = body.outputs[i] === body.inputs[i];
    return { passed, tensor, role: roleOf(n, tensor, kept, counters.has(i)) };
  });
}

function roleOf(n: TfliteNode, t: Tensor | undefined, kept: boolean, counter: boolean): Role {
  if (!t) return "handle";
  if (kept) return isConstant(n.graph.graph, t.name) ? "constant" : "sequence";
  return counter ? "counter" : t.shape.length === 2 ? "state" : "outputs";
}

/** The largest part of `candidates` whose next values depend on that part alone. */
function closed(body: TfliteSubgraph, candidates: number[]): Set<number> {
  let found = new Set(candidates), before;
  do {
    before = found.size;
    found = new Set([...found].filter((i) => [...needed(body, [i]).inputs].every((k) => found.has(k))));
  } while (found.size < before);
  return found;
}

/** A graph to try things in: variables that are known are constants in it, the others inputs. */
export function trial(loop: Loop, counters: Tensor[]): { scope: Scope; values: Passed[] } {
  const graph = new GraphBuilder("tflite", "loop"), variables = new Map([...loop.scope.variables].map(([key, v]) => [key, { ...v }]));
  graph.where = loop.scope.graph.where;
  const values = loop.variables.map(({ role, tensor: t, passed }, i) => {
    if (role === "handle") return passed;
    const known = role === "counter" ? counters[numbersOf(loop, "counter").indexOf(i)]! : t!, { dtype, shape, data, quantization } = known;
    const isKnown = data && (role === "counter" || role === "constant");
    const name = isKnown ? graph.constant(`variable_${i}`, dtype, [...shape], data, quantization) : graph.input(`variable_${i}`, dtype, [...shape], "", quantization);
    return { name, handle: "" };
  });
  const { refused: _, ...options } = loop.scope.options; // a trial of which parts were missing would prove nothing
  return { scope: { ...loop.scope, graph, variables, options }, values };
}

export const first = (loop: Loop): Tensor[] => numbersOf(loop, "counter").map((i) => loop.variables[i]!.tensor!);

/** Most steps that are counted. */
const maxSteps = 4096;

/** Counts how often the loop runs. @returns whether that follows from its counters */
function countSteps(loop: Loop): boolean {
  const numbers = numbersOf(loop, "counter"), condition = needed(loop.condition, [0]), body = needed(loop.body, numbers);
  if (![...condition.inputs].every((i) => ["counter", "constant"].includes(loop.variables[i]!.role))) return false;
  for (loop.lastCounters = first(loop); loop.steps < maxSteps; loop.steps++) {
    const { scope, values } = trial(loop, loop.lastCounters), [goesOn] = loop.call(scope, condition.part, values);
    if (!scope.graph.valueOf(goesOn!.name)?.data[0]) return loop.steps > 0;
    const next = loop.call(scope, body.part, values).map(({ name }) => scope.graph.valueOf(name)!);
    if (next.every((c, i) => c.data!.join() === loop.lastCounters[i]!.data!.join())) scope.graph.fail("its loop never ends", "", "ERR_OCTAVO_FORMAT");
    loop.lastCounters = next;
  }
  return loop.scope.graph.fail(`its loop runs more than ${maxSteps} times`, "Export the model with a fixed, shorter sequence.");
}
