/** What a model keeps from one run to the next: variable tensors of recurrent operators, and resource variables. */
import { allocate, freshName, sizeOf, tensorOf, type DType, type Quantization } from "../../ir/graph.ts";
import { spend, type Scope } from "./scope.ts";

/** A tensor that starts at real zero and is carried over: the caller writes its next value and calls `carry`. */
export function stateTensor(scope: Scope, stem: string, dtype: DType, shape: number[], quantization?: Quantization): string {
  const { graph } = scope.graph;
  const name = freshName(graph, stem);
  graph.tensors.set(name, { name, dtype, shape, ...(quantization && { quantization }) });
  return name;
}

/** `output` becomes `input` of the next run. */
export function carry(scope: Scope, input: string, output: string, initial = zerosOf(scope, input)): void {
  scope.graph.graph.states.push({ input, output, initial });
}

/** Real zero in the tensor's own numbers. */
function zerosOf(scope: Scope, name: string) {
  const { dtype, shape, quantization } = tensorOf(scope.graph.graph, name);
  spend(scope, sizeOf(shape));
  return allocate(dtype, sizeOf(shape)).fill(quantization?.zeroPoint[0] ?? 0);
}

