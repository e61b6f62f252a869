/** The cell of a recurrent loop: found in its body, compared with the loop itself, put into the model as a layer. */
import { GraphBuilder } from "../../ir/builder.ts";
import { evaluate } from "../../ir/eval.ts";
import { freshName, sizeOf, type Tensor, type TypedArray } from "../../ir/graph.ts";
import { matchCell, type Cell } from "./cell.ts";
import { first, numbersOf, trial, type Loop } from "./loop.ts";
import type { TfliteNode } from "./node.ts";
import type { Passed } from "./scope.ts";

const shapeOf = (loop: Loop, i: number): number[] => loop.variables[i]!.tensor!.shape;
const gateCount = { lstm: 4, gru: 3, rnn: 1 };
/** H, from r [G·H,H]. */
const hiddenOf = (cell: Cell): number => Math.sqrt(cell.r.length / gateCount[cell.op]);
/** Whether a variable holds the output of the last step only. */
const isLast = (loop: Loop, i: number): boolean => shapeOf(loop, i)[0] === 1 && loop.steps !== 1;

/** The cell in the first step of the loop, which reads one row of one sequence. */
export function findCell(loop: Loop): Cell | undefined {
  const { scope, values } = trial(loop, first(loop)), [sequence, more] = numbersOf(loop, "sequence"), states = numbersOf(loop, "state");
  if (sequence === undefined || more !== undefined || states.some((i) => loop.variables[i]!.tensor!.dtype !== "float32")) return undefined;
  const [steps, , ...rest] = shapeOf(loop, sequence);
  if (rest.length !== 1 || steps! < loop.steps) return undefined;
  const after = loop.call(scope, loop.body, values), { graph } = scope.graph;
  const [read, again] = graph.nodes.filter((n) => n.inputs.includes(values[sequence]!.name));
  if (again || read?.op !== "gather" || read.attributes.axis !== 0) return undefined;
  return matchCell({ graph, x: read.outputs[0]!, states: states.map((i) => ({ before: values[i]!.name, after: after[i]!.name })) });
}

/** Whether the loop's variables have the sizes of the cell's results. */
export function fits(loop: Loop, cell: Cell): boolean {
  const N = shapeOf(loop, numbersOf(loop, "sequence")[0]!)[1]!, size = N * hiddenOf(cell);
  const states = numbersOf(loop, "state").every((i) => sizeOf(shapeOf(loop, i)) === size);
  return states && numbersOf(loop, "outputs").every((i) => sizeOf(shapeOf(loop, i)) === (isLast(loop, i) ? size : loop.steps * size));
}

/** The layer's node, in any graph. @returns y [T,1,N,H], h and c [1,N,H] */
function addCell(graph: GraphBuilder, stem: string, x: string, cell: Cell, [h0, c0]: string[]): [y: string, h: string, c: string] {
  const H = hiddenOf(cell), I = graph.shape(x)[2]!, rows = gateCount[cell.op] * H;
  const constant = (what: string, shape: number[], data: Float32Array) => graph.constant(`${stem}_${what}`, "float32", shape, data);
  const w = constant("weights", [1, rows, I], cell.w), r = constant("recurrent", [1, rows, H], cell.r), b = constant("bias", [1, cell.b.length], cell.b);
  const inputs = [x, w, r, b, h0 ?? "", ...(cell.op === "lstm" ? [c0 ?? ""] : [])];
  while (inputs.at(-1) === "") inputs.pop();
  const common = { direction: "forward" as const, hidden: H, activations: cell.activations, clip: 0 };
  const names = ["y", "h", "c"].map((s) => freshName(graph.graph, `${stem}_${s}`)) as [string, string, string];
  if (cell.op === "lstm") graph.add("lstm", inputs, { ...common, inputForget: false }, names);
  else if (cell.op === "gru") graph.add("gru", inputs, { ...common, linearBeforeReset: cell.linearBeforeReset }, names.slice(0, 2));
  else graph.add("rnn", inputs, common, names.slice(0, 2));
  return names;
}

/** Numbers between −1 and 1 for one variable, the same each time. */
const noise = (loop: Loop, i: number): Float32Array => Float32Array.from({ length: sizeOf(shapeOf(loop, i)) }, (_, k) => Math.sin(k * 12.9898 + i * 78.233));

/** Whether cell and loop give the same states and outputs over the first steps. */
export function agrees(loop: Loop, cell: Cell): boolean {
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
  const { graph } = scope.graph, inputs = new Map<string, TypedArray>();
  loop.variables.forEach((_, i) => { if (graph.inputs.includes(start[i]!.name)) inputs.set(start[i]!.name, noise(loop, i)); });
  const wanted = [...numbersOf(loop, "state"), ...numbersOf(loop, "outputs")].map((i) => values[i]!.name);
  const found = evaluate(graph, inputs, { keep: new Set(wanted) });
  return wanted.map((name) => found.get(name) ?? inputs.get(name)!);
}

/** The same of the layer; outputs of later steps are still what they were before the loop. */
function inCells(loop: Loop, cell: Cell, steps: number): TypedArray[] {
  const graph = new GraphBuilder("tflite", "cell"), states = numbersOf(loop, "state"), sequence = numbersOf(loop, "sequence")[0]!;
  const [, N, I] = shapeOf(loop, sequence) as [number, number, number];
  const x = graph.input("x", "float32", [steps, N, I]), before = states.map((i) => graph.input(`state_${i}`, "float32", [1, ...shapeOf(loop, i)]));
  const names = addCell(graph, "cell", x, cell, [before[cell.hidden]!, before[cell.cell] ?? ""]);
  const inputs = new Map<string, TypedArray>([[x, noise(loop, sequence).subarray(0, steps * N * I)]]);
  states.forEach((i, k) => inputs.set(before[k]!, noise(loop, i)));
  const [y, h, c] = names.map((name) => evaluate(graph.graph, inputs).get(name)!) as [TypedArray, TypedArray, TypedArray];
  const outputs = numbersOf(loop, "outputs").map((i) => {
    if (isLast(loop, i)) return h;
    const all = noise(loop, i);
    all.set(y);
    return all;
  });
  return [...states.map((_, k) => (k === cell.cell ? c : h)), ...outputs];
}

/** Adds the layer to the model. @returns what the loop's variables hold after it */
export function layer(n: TfliteNode, loop: Loop, cell: Cell): Passed[] {
  const { name: sequence, shape } = loop.variables[numbersOf(loop, "sequence")[0]!]!.tensor!, states = numbersOf(loop, "state");
  const whole = shape[0] === loop.steps, x = whole ? sequence : n.move("slice", [sequence], { starts: [0, 0, 0], steps: [1, 1, 1], sizes: shape.with(0, loop.steps) });
  const before = states.map((i) => startOf(n, loop.variables[i]!.tensor!));
  const [y, h, c] = addCell(n.graph, n.outputName(), x, cell, [before[cell.hidden]!, before[cell.cell] ?? ""]);
  const shaped = (name: string, i: number): Passed => ({ name: n.reshape(name, shapeOf(loop, i)), handle: "" });
  return loop.variables.map(({ role, passed }, i) => {
    if (role === "state") return shaped(states.indexOf(i) === cell.cell ? c : h, i);
    if (role === "outputs") return shaped(isLast(loop, i) ? h : y, i);
    return role === "counter" ? { name: counted(n, loop, i), handle: "" } : passed;
  });
}

/** What a counter has come to. */
function counted(n: TfliteNode, loop: Loop, i: number): string {
  const { dtype, shape, data } = loop.lastCounters[numbersOf(loop, "counter").indexOf(i)]!;
  return n.graph.constant("counter", dtype, [...shape], data!);
}

/** "" where a state starts from zero. */
function startOf(n: TfliteNode, t: Tensor): string {
  return n.graph.valueOf(t.name)?.data.every((v) => v === 0) ? "" : n.reshape(t.name, [1, ...t.shape]);
}
