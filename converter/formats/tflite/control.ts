/** Calls of other subgraphs, branches and loops whose course is known at conversion. */
import { sizeOf, tensorOf, type Tensor } from "../../ir/graph.ts";
import { recurrentLoop } from "./loop.ts";
import type { OperatorTable, TfliteNode } from "./node.ts";
import { decompositionOf, options, type TfliteSubgraph } from "./schema.ts";
import { passed, type Passed, type Scope } from "./scope.ts";
import { show } from "./tensors.ts";
import { variables } from "./variables.ts";

export { assignedVariables, finishVariables } from "./variables.ts";

/** Reads the operators of a subgraph with `inputs` in place of its inputs. @returns its outputs */
export type Call = (scope: Scope, subgraph: TfliteSubgraph, inputs: Passed[]) => Passed[];

export const controls = (call: Call): OperatorTable => ({
  ...variables,
  CALL_ONCE: (n) => { call({ ...n.scope, initialising: true }, subgraphAt(n, options.callOnce(n.operator).subgraph), []); },
  STABLEHLO_COMPOSITE: (n) => results(n, call(n.scope, subgraphAt(n, decompositionOf(n.operator)), inputsOf(n, 0))),
  IF: (n) => branch(n, call),
  WHILE: (n) => loop(n, call),
});

const subgraphAt = (n: TfliteNode, index: number): TfliteSubgraph =>
  n.scope.model.subgraphs[index] ?? n.damaged(`it calls subgraph ${index}, expected one of ${n.scope.model.subgraphs.length}`);

function inputsOf(n: TfliteNode, first: number): Passed[] {
  return n.operator.inputs.slice(first).map((index, i) => {
    n.source(first + i);
    return passed(n.scope, index);
  });
}

function results(n: TfliteNode, values: Passed[]): void {
  if (values.length < n.operator.outputs.length) n.damaged(`the subgraph has ${values.length} outputs, expected ${n.operator.outputs.length}`);
  n.operator.outputs.forEach((index, i) => {
    n.target(i);
    if (values[i]!.handle) n.scope.handles.set(index, values[i]!.handle);
    else n.name(values[i]!.name, i);
  });
}

/** condition, then the subgraphs' inputs. Where activations decide, both branches are computed, and what they give is chosen from. */
function branch(n: TfliteNode, call: Call): void {
  const o = options.if(n.operator), known = n.graph.valueOf(n.stored(0))?.data, [yes, no] = [subgraphAt(n, o.then), subgraphAt(n, o.else)], inputs = inputsOf(n, 1);
  if (known) return results(n, call(n.scope, known[0] ? yes : no, inputs));
  if (![yes, no].every(isPure)) n.fail("it changes variables, and which branch is taken depends on the model's inputs", "Export the model with one of the branches.");
  const condition = n.reshape(n.stored(0), []), other = call(n.scope, no, inputs);
  results(n, call(n.scope, yes, inputs).map((a, i) => chosen(n, condition, a, other[i] ?? n.damaged("its branches do not have as many outputs"))));
}

/** Whether a subgraph does nothing but compute its results. */
const isPure = ({ operators }: TfliteSubgraph): boolean => operators.every((op) => op.outputs.length > 0 && op.type !== "VAR_HANDLE");

function chosen(n: TfliteNode, condition: string, a: Passed, b: Passed): Passed {
  const [x, y] = [a, b].map(({ name }) => tensorOf(n.graph.graph, name)) as [Tensor, Tensor], form = ({ shape, dtype, quantization }: Tensor) => JSON.stringify([shape, dtype, quantization]);
  if (form(x) !== form(y)) n.fail(`its branches give ${show(x.shape)} and ${show(y.shape)}, of other shapes or types`, "Export the model with one of the branches.");
  return { name: n.graph.add("where", [condition, x.name, y.name], {}, [], x.quantization && { dtype: x.dtype, quantization: x.quantization }), handle: "" };
}

/** Most steps of a loop that is written out. */
const maxSteps = 1024;

/** A recurrent layer where it is one; else written out step by step, which needs a condition that follows from constants. */
function loop(n: TfliteNode, call: Call): void {
  const o = options.while(n.operator), condition = subgraphAt(n, o.condition), body = subgraphAt(n, o.body);
  let values = inputsOf(n, 0);
  const layer = recurrentLoop(n, call, condition, body, values);
  if (layer) return results(n, layer);
  for (let step = 0; continues(n, call(n.scope, condition, values)); step++) {
    if (step === maxSteps) n.fail(`its loop runs more than ${maxSteps} times`, "Export the model with a fixed, shorter sequence.");
    values = call(n.scope, body, values);
    for (const { name } of values) if (name && sizeOf(n.shape(name)) <= 64) n.graph.valueOf(name);
  }
  results(n, values);
}

function continues(n: TfliteNode, [condition]: Passed[]): boolean {
  if (!condition?.name || sizeOf(n.shape(condition.name)) !== 1) n.damaged("its condition is not one value");
  const value = n.graph.valueOf(condition!.name)?.data;
  if (!value) n.fail("how often its loop runs depends on the model's inputs, expected a constant", "Export the model with a fixed sequence length.");
  return value![0] !== 0;
}
