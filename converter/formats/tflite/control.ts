/** Variables, calls of other subgraphs, branches and loops whose course is known at conversion. */
import { producerOf, sizeOf, tensorOf } from "../../ir/graph.ts";
import { decompositionOf, options } from "./schema.ts";
import { type OperatorTable, type Scope, type TfliteNode, type Variable } from "./scope.ts";
import { carry, stateTensor } from "./states.ts";
import { checkedShape, dtypeOf, quantizationOf } from "./tensors.ts";

/** Reads the operators of subgraph `index` with `inputs` in place of its inputs. @returns its outputs */
export type Call = (scope: Scope, index: number, inputs: string[]) => string[];

export const controls = (call: Call): OperatorTable => ({
  VAR_HANDLE: varHandle, READ_VARIABLE: readVariable, ASSIGN_VARIABLE: assignVariable,
  CALL_ONCE: (n) => callOnce(n, call),
  STABLEHLO_COMPOSITE: (n) => outputs(n, call(n.scope, decompositionOf(n.operator), stored(n, 0))),
  IF: (n) => branch(n, call),
  WHILE: (n) => loop(n, call),
});

const stored = (n: TfliteNode, first: number) => n.operator.inputs.slice(first).map((_, i) => n.stored(first + i));

function outputs(n: TfliteNode, names: string[]): void {
  if (names.length < n.operator.outputs.length) n.damaged(`the subgraph has ${names.length} outputs, expected ${n.operator.outputs.length}`);
  n.operator.outputs.forEach((_, i) => n.name(names[i]!, i));
}

function varHandle(n: TfliteNode): void {
  const { container, name } = options.varHandle(n.operator);
  n.target();
  n.scope.handles.set(n.operator.outputs[0]!, `${container}/${name}`);
}

function variableOf(n: TfliteNode): Variable {
  n.source(0);
  const key = n.scope.handles.get(n.operator.inputs[0]!) ?? n.damaged("its first input is no variable");
  if (!n.scope.variables.has(key)) n.scope.variables.set(key, { value: "", initial: "", state: "" });
  return n.scope.variables.get(key)!;
}

/** What this run assigned, or else what the last one left. */
function readVariable(n: TfliteNode): void {
  const v = variableOf(n), t = n.target();
  if (!v.value && n.scope.initialising) v.value = v.initial || n.damaged("the variable is read before it is assigned");
  if (!v.value) {
    const like = v.initial ? tensorOf(n.graph.graph, v.initial) : { shape: checkedShape(t), dtype: dtypeOf(t), quantization: quantizationOf(t) };
    v.state = v.value = stateTensor(n.scope, n.outputName(), like.dtype, [...like.shape], like.quantization);
  }
  n.name(v.value);
}

function assignVariable(n: TfliteNode): void {
  const v = variableOf(n), value = n.stored(1);
  if (n.scope.initialising) v.initial = value;
  v.value = n.scope.initialising ? "" : value;
}

/** Initialisation: what it assigns is what the variables start from. */
function callOnce(n: TfliteNode, call: Call): void {
  call({ ...n.scope, initialising: true }, options.callOnce(n.operator).subgraph, []);
}

/** Variables that were read before they were assigned carry their last value to the next run. */
export function finishVariables(scope: Scope): void {
  for (const v of scope.variables.values()) {
    if (!v.state) continue;
    const initial = v.initial && scope.graph.valueOf(v.initial)?.data;
    if (scope.graph.shape(v.value).join() !== scope.graph.shape(v.state).join()) scope.graph.fail(`variable "${v.state}" changes its shape`);
    const computed = producerOf(scope.graph.graph, v.value) !== undefined;
    const output = computed ? v.value : scope.graph.add("reshape", [v.value], { shape: scope.graph.shape(v.value) });
    carry(scope, v.state, output, initial || undefined);
  }
}

/** condition, then the subgraphs' inputs */
function branch(n: TfliteNode, call: Call): void {
  const o = options.if(n.operator), condition = n.value(0)[0];
  outputs(n, call(n.scope, condition ? o.then : o.else, stored(n, 1)));
}

/** Most steps of a loop that is written out. */
const maxSteps = 1024;

/** Written out step by step: the condition must follow from constants. */
function loop(n: TfliteNode, call: Call): void {
  const o = options.while(n.operator);
  let values = stored(n, 0);
  for (let step = 0; continues(n, call(n.scope, o.condition, values)); step++) {
    if (step === maxSteps) n.fail(`its loop runs more than ${maxSteps} times`, "Export the model with a fixed, shorter sequence.");
    values = call(n.scope, o.body, values);
    for (const v of values) if (sizeOf(n.shape(v)) <= 64) n.graph.valueOf(v);
  }
  outputs(n, values);
}

function continues(n: TfliteNode, [condition]: string[]): boolean {
  if (condition === undefined || sizeOf(n.shape(condition)) !== 1) n.damaged("its condition is not one value");
  const value = n.graph.valueOf(condition!)?.data ?? n.fail("how often its loop runs depends on the model's inputs, expected a constant", "Export the model with a fixed sequence length.");
  return value[0] !== 0;
}
