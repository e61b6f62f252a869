/** If, Loop and Scan: what they decide by is known at conversion, so that branches are chosen and iterations written out. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { tensorOf, type Tensor } from "../../ir/graph.ts";
import type { Operators, OnnxNode } from "./node.ts";
import type { GraphProto } from "./proto.ts";
import { axisOf, concat, constantValue, damaged, misfit, range, rankOf, reshape, scalar, sliceAxis, sourcesOf, valuesOf, where } from "./write.ts";

/** The branch that a constant chooses. Where activations decide, both are computed, and what they give is chosen from. */
function branch(n: OnnxNode, g: GraphBuilder): string[] {
  const isFloat = (name: string) => tensorOf(g.graph, name).dtype === "float32", decides = constantValue(g, n.input(0)) ? undefined : sourcesOf(g, n.input(0)).find(isFloat);
  if (decides === undefined) return n.inline(n.graph(valuesOf(g, n.input(0), "which branch is taken")[0] ? "then_branch" : "else_branch"), []);
  const condition = reshape(g, n.input(0), []), [yes, no] = [n.inline(n.graph("then_branch"), []), n.inline(n.graph("else_branch"), [])];
  return yes.map((a, i) => {
    const b = no[i] ?? damaged(g, "its branches do not have as many outputs");
    if (!isAlike(tensorOf(g.graph, a), tensorOf(g.graph, b))) misfit(g, `its branches give [${g.shape(a)}] and [${g.shape(b)}], and which is taken depends on input "${decides}"`);
    return where(g, condition, a, b);
  });
}

const isAlike = (a: Tensor, b: Tensor): boolean => a.shape.join() === b.shape.join() && a.dtype === b.dtype && !a.quantization && !b.quantization;

/** No loop is written out more often than this. */
const MAX_TRIPS = 4096;

/** Carried values go round; scan outputs are the results of all iterations, stacked. */
function loop(n: OnnxNode, g: GraphBuilder): string[] {
  const body = n.graph("body"), carried = n.inputs.length - 2, outputs = (body.output ?? []).length - 1;
  const trips = n.optional(0) ? valuesOf(g, n.input(0), "the number of iterations")[0]! : Infinity;
  let condition = n.optional(1) ? valuesOf(g, n.input(1), "whether the loop is entered")[0] !== 0 : true;
  let state = range(carried).map((i) => n.input(i + 2));
  const scans: string[][] = range(Math.max(0, outputs - carried)).map(() => []);
  for (let trip = 0; condition && trip < trips; trip++) {
    if (trip >= MAX_TRIPS) g.fail(`it runs more than ${MAX_TRIPS} times`, "Export the model without it.");
    const results = n.inline(body, [scalar(g, trip, "int64"), scalar(g, 1, "bool"), ...state]);
    condition = valuesOf(g, results[0]!, "whether the loop goes on")[0] !== 0;
    state = results.slice(1, 1 + carried);
    scans.forEach((list, i) => list.push(results[1 + carried + i]!));
  }
  if (scans.some((list) => list.length === 0)) g.fail("it never runs, so that the shape of its results is unknown");
  return [...state, ...scans.map((list) => stacked(g, list, 0))];
}

const stacked = (g: GraphBuilder, parts: string[], axis: number): string =>
  concat(g, parts.map((p) => reshape(g, p, [...g.shape(p).slice(0, axis), 1, ...g.shape(p).slice(axis)])), axis);

/** States go from step to step; the other inputs are taken apart along an axis, one element per step. */
function scan(n: OnnxNode, g: GraphBuilder): string[] {
  if (n.opset < 9) return scanBatch(n, g);
  return scanSteps(n, g, n.inputs.map((_, i) => n.input(i)), {
    inputAxes: n.ints("scan_input_axes") ?? [], inputDirections: n.ints("scan_input_directions") ?? [],
    outputAxes: n.ints("scan_output_axes") ?? [], outputDirections: n.ints("scan_output_directions") ?? [],
  });
}

/** Opset 8 has a batch axis in front; samples are independent. */
function scanBatch(n: OnnxNode, g: GraphBuilder): string[] {
  if (n.optional(0)) g.fail("it has sequence lengths, expected none", "Export it with opset 9 or newer.");
  const inputs = range(n.inputs.length - 1).map((i) => n.input(i + 1)), samples = g.shape(inputs[0]!)[0]!;
  const runs = range(samples).map((b) => {
    const one = inputs.map((x) => reshape(g, sliceAxis(g, x, 0, b, 1), g.shape(x).slice(1)));
    return scanSteps(n, g, one, { inputAxes: [], inputDirections: n.ints("directions") ?? [], outputAxes: [], outputDirections: [] });
  });
  return runs[0]!.map((_, i) => stacked(g, runs.map((r) => r[i]!), 0));
}

interface ScanForm { inputAxes: number[]; inputDirections: number[]; outputAxes: number[]; outputDirections: number[] }

function scanSteps(n: OnnxNode, g: GraphBuilder, inputs: string[], form: ScanForm): string[] {
  const body: GraphProto = n.graph("body"), count = n.int("num_scan_inputs"), states = inputs.length - count;
  if (!(count >= 1 && states >= 0)) damaged(g, `num_scan_inputs is ${count} of ${inputs.length} inputs`);
  const sequences = inputs.slice(states).map((x, i) => ({ x, axis: axisOf(g, form.inputAxes[i] ?? 0, rankOf(g, x)), reverse: form.inputDirections[i] === 1 }));
  const steps = g.shape(sequences[0]!.x)[sequences[0]!.axis]!;
  if (steps < 1 || steps > MAX_TRIPS || sequences.some((s) => g.shape(s.x)[s.axis] !== steps))
    misfit(g, `its sequences have ${steps} steps, expected 1 to ${MAX_TRIPS}, all alike`);
  let state = inputs.slice(0, states);
  const results: string[][] = (body.output ?? []).slice(states).map(() => []);
  for (let t = 0; t < steps; t++) {
    const elements = sequences.map((s) => elementAt(g, s.x, s.axis, s.reverse ? steps - 1 - t : t));
    const outputs = n.inline(body, [...state, ...elements]);
    state = outputs.slice(0, states);
    results.forEach((list, i) => (form.outputDirections[i] === 1 ? list.unshift(outputs[states + i]!) : list.push(outputs[states + i]!)));
  }
  return [...state, ...results.map((list, i) => stacked(g, list, axisOf(g, form.outputAxes[i] ?? 0, rankOf(g, list[0]!) + 1)))];
}

const elementAt = (g: GraphBuilder, x: string, axis: number, i: number): string => reshape(g, sliceAxis(g, x, axis, i, 1), g.shape(x).filter((_, a) => a !== axis));

export const control: Operators = { If: branch, Loop: loop, Scan: scan };
