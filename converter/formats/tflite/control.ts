/** Calls of other subgraphs, branches and loops whose course is known at conversion. */
import { sizeOf } from "../../ir/graph.ts";
import { recurrentLoop } from "./loop.ts";
import type { OperatorTable, TfliteNode } from "./node.ts";
import { decompositionOf, options, type TfliteSubgraph } from "./schema.ts";
import { passed, type Passed, type Scope } from "./scope.ts";
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

/** condition, then the subgraphs' inputs */
function branch(n: TfliteNode, call: Call): void {
  const o = options.if(n.operator), condition = n.value(0)[0];
  results(n, call(n.scope, subgraphAt(n, condition ? o.then : o.else), inputsOf(n, 1)));
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
