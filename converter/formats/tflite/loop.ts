/**
 * WHILE loops that are recurrent layers: what the converter leaves of a GRU, and of an LSTM that it did not fuse. The loop
 * carries counters, the sequence [T,N,I] (read at the counter), the states [N,H], and the outputs collected so far
 * ([T,N,H], or [1,N,H] for the last one only). The step that `cell.ts` finds in the body is compared with the loop itself
 * on random numbers over its first steps; where they differ, the loop is written out instead.
 */
import { GraphBuilder } from "../../ir/builder.ts";
import { evaluate } from "../../ir/eval.ts";
import { freshName, isConstant, sizeOf, tensorOf, type Tensor, type TypedArray } from "../../ir/graph.ts";
import { matchCell, type Cell } from "./cell.ts";
import type { Call } from "./control.ts";
import type { TfliteSubgraph } from "./schema.ts";
import type { Passed, Scope, TfliteNode } from "./scope.ts";

/** One variable of the loop, by what it is for. */
type Role = "counter" | "constant" | "sequence" | "state" | "outputs" | "handle";
interface Variable { role: Role; tensor: Tensor | undefined; passed: Passed }
interface Loop { scope: Scope; call: Call; condition: TfliteSubgraph; body: TfliteSubgraph; variables: Variable[]; steps: number; lastCounters: Tensor[] }

/** The values of the loop's variables after it, or undefined where it is no recurrent layer. */
export function recurrentLoop(n: TfliteNode, call: Call, condition: TfliteSubgraph, body: TfliteSubgraph, inputs: Passed[]): Passed[] | undefined {
  const roles = condition.inputs.length === inputs.length ? rolesOf(n, body, inputs) : undefined;
  const loop: Loop | undefined = roles && { scope: n.scope, call, condition, body, variables: roles, steps: 0, lastCounters: [] };
  if (!loop || !countSteps(loop)) return undefined;
  const cell = findCell(loop);
  return cell && agrees(loop, cell) ? layer(n, loop, cell) : undefined;
}

const numbersOf = (loop: Loop, role: Role): number[] => loop.variables.flatMap((v, i) => (v.role === role ? [i] : []));

/** Operators that `outputs` of a subgraph need, and inputs that they read, by number. */
function needed(s: TfliteSubgraph, outputs: number[]): { part: TfliteSubgraph; inputs: Set<number> } {
  const wanted = new Set(outputs.map((i) => s.outputs[i]!));
  const operators = s.operators.toReversed().filter((op) => op.outputs.some((o) => wanted.has(o)) && op.inputs.every((i) => wanted.add(i))).reverse();
  return { part: { ...s, operators, outputs: outputs.map((i) => s.outputs[i]!) }, inputs: new Set(s.inputs.flatMap((t, i) => (wanted.has(t) ? [i] : []))) };
}

function rolesOf(n: TfliteNode, body: TfliteSubgraph, inputs: Passed[]): Variable[] | undefined {
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
function trial(loop: Loop, counters: Tensor[]): { scope: Scope; values: Passed[] } {
  const graph = new GraphBuilder("tflite", "loop"), scope: Scope = { ...loop.scope, graph, variables: new Map([...loop.scope.variables].map(([key, v]) => [key, { ...v }])) };
  graph.where = loop.scope.graph.where;
  const values = loop.variables.map(({ role, tensor: t, passed }, i) => {
    if (role === "handle") return passed;
    const known = role === "counter" ? counters[numbersOf(loop, "counter").indexOf(i)] : role === "constant" ? t : undefined;
    const name = known?.data ? graph.constant(`variable_${i}`, known.dtype, [...known.shape], known.data, known.quantization) : graph.input(`variable_${i}`, t!.dtype, [...t!.shape], "", t!.quantization);
    return { name, handle: "" };
  });
  return { scope, values };
}

const first = (loop: Loop): Tensor[] => numbersOf(loop, "counter").map((i) => loop.variables[i]!.tensor!);

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

function findCell(loop: Loop): Cell | undefined {
  const { scope, values } = trial(loop, first(loop)), [sequence, more] = numbersOf(loop, "sequence"), states = numbersOf(loop, "state");
  if (sequence === undefined || more !== undefined || states.some((i) => loop.variables[i]!.tensor!.dtype !== "float32")) return undefined;
  const after = loop.call(scope, loop.body, values), { graph } = scope.graph;
  const reads = graph.nodes.filter((n) => n.inputs.includes(values[sequence]!.name));
  const [read] = reads;
  if (reads.length !== 1 || read!.op !== "gather" || (read!.attributes as { axis: number }).axis !== 0 || loop.variables[sequence]!.tensor!.shape.length !== 3) return undefined;
  return matchCell({ graph, x: read!.outputs[0]!, states: states.map((i) => ({ before: values[i]!.name, after: after[i]!.name })) });
}

/** The layer's node, in any graph. @returns y [T,1,N,H], h and c [1,N,H] */
function addCell(graph: GraphBuilder, stem: string, x: string, cell: Cell, [h0, c0]: string[]): [y: string, h: string, c: string] {
  const [, , I] = graph.shape(x) as [number, number, number], rows = { lstm: 4, gru: 3, rnn: 1 }[cell.op], H = cell.w.length / (rows * I);
  const constant = (what: string, shape: number[], data: Float32Array) => graph.constant(`${stem}_${what}`, "float32", shape, data);
  const inputs = [x, constant("weights", [1, rows * H, I], cell.w), constant("recurrent", [1, rows * H, H], cell.r), constant("bias", [1, cell.b.length], cell.b), h0 ?? "", ...(cell.op === "lstm" ? [c0 ?? ""] : [])];
  while (inputs.at(-1) === "") inputs.pop();
  const common = { direction: "forward" as const, hidden: H, activations: cell.activations, clip: 0 };
  const names = ["y", "h", "c"].map((s) => freshName(graph.graph, `${stem}_${s}`)) as [string, string, string];
  if (cell.op === "lstm") graph.add("lstm", inputs, { ...common, inputForget: false }, names);
  else if (cell.op === "gru") graph.add("gru", inputs, { ...common, linearBeforeReset: cell.linearBeforeReset }, names.slice(0, 2));
  else graph.add("rnn", inputs, common, names.slice(0, 2));
  return names;
}

/** Numbers between −1 and 1, the same each time. */
const noise = (size: number, seed: number): Float32Array => Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898 + seed * 78.233));

/** Whether cell and loop give the same states and outputs over the first steps. */
function agrees(loop: Loop, cell: Cell): boolean {
  const steps = Math.min(loop.steps, 3);
  const written = writtenOut(loop, steps), cells = inCells(loop, cell, steps);
  return written.every((w, i) => w.length === cells[i]!.length && w.every((v, k) => Math.abs(v - cells[i]![k]!) < 1e-4));
}

/** States, then outputs so far, of the loop itself. */
function writtenOut(loop: Loop, steps: number): TypedArray[] {
  const { scope, values: start } = trial(loop, first(loop));
  let values = start;
  for (let k = 0; k < steps; k++) {
    values = loop.call(scope, loop.body, values);
    for (const i of numbersOf(loop, "counter")) scope.graph.valueOf(values[i]!.name);
  }
  const { graph } = scope.graph, inputs = new Map<string, TypedArray>(graph.inputs.map((name) => [name, noise(sizeOf(scope.graph.shape(name)), Number(name.split("_")[1]))]));
  const wanted = [...numbersOf(loop, "state"), ...numbersOf(loop, "outputs")].map((i) => values[i]!.name), found = evaluate(graph, inputs, { keep: new Set(wanted) });
  return wanted.map((name) => found.get(name) ?? inputs.get(name)!);
}

/** The same of the layer; outputs of later steps are still what they were before the loop. */
function inCells(loop: Loop, cell: Cell, steps: number): TypedArray[] {
  const graph = new GraphBuilder("tflite", "cell"), states = numbersOf(loop, "state"), sequence = numbersOf(loop, "sequence")[0]!;
  const shapeOf = (i: number) => loop.variables[i]!.tensor!.shape, [, N, I] = shapeOf(sequence) as [number, number, number];
  const x = graph.input("x", "float32", [steps, N, I]), before = states.map((i) => graph.input(`state_${i}`, "float32", [1, ...shapeOf(i)]));
  const names = addCell(graph, "cell", x, cell, [before[cell.hidden]!, before[cell.cell] ?? ""]);
  const inputs = new Map<string, TypedArray>([["x", noise(sizeOf(shapeOf(sequence)), sequence).subarray(0, steps * N * I)], ...states.map((i, k): [string, TypedArray] => [before[k]!, noise(sizeOf(shapeOf(i)), i)])]);
  const values = evaluate(graph.graph, inputs), y = values.get(names[0])!, h = values.get(names[1])!;
  const outputs = numbersOf(loop, "outputs").map((i) => {
    if (shapeOf(i)[0] === 1 && loop.steps !== 1) return h;
    const all = noise(sizeOf(shapeOf(i)), i);
    all.set(y.subarray(0, all.length));
    return all;
  });
  return [...states.map((_, k) => (k === cell.cell ? values.get(names[2])! : h)), ...outputs];
}

/** Adds the layer to the model. @returns what the loop's variables hold after it */
function layer(n: TfliteNode, loop: Loop, cell: Cell): Passed[] {
  const sequence = loop.variables[numbersOf(loop, "sequence")[0]!]!.tensor!, states = numbersOf(loop, "state"), [S, N, I] = sequence.shape as [number, number, number];
  const x = S === loop.steps ? sequence.name : n.move("slice", [sequence.name], { starts: [0, 0, 0], steps: [1, 1, 1], sizes: [loop.steps, N, I] });
  const before = states.map((i) => startOf(n, loop.variables[i]!.tensor!));
  const [y, h, c] = addCell(n.graph, n.outputName(), x, cell, [before[cell.hidden]!, before[cell.cell] ?? ""]);
  const name = (text: string) => ({ name: text, handle: "" });
  return loop.variables.map(({ role, passed, tensor }, i) => {
    if (role === "state") return name(n.reshape(states.indexOf(i) === cell.cell ? c : h, tensor!.shape));
    if (role === "outputs") return name(n.reshape(tensor!.shape[0] === 1 && loop.steps !== 1 ? h : y, tensor!.shape));
    if (role !== "counter") return passed;
    const { dtype, shape, data } = loop.lastCounters[numbersOf(loop, "counter").indexOf(i)]!;
    return name(n.graph.constant(tensor!.name, dtype, [...shape], data!));
  });
}

/** "" where a state starts from zero. */
function startOf(n: TfliteNode, t: Tensor): string {
  return n.graph.valueOf(t.name)?.data.every((v) => v === 0) ? "" : n.reshape(t.name, [1, ...t.shape]);
}
