/** Graph and the user's choice → the graph of one training step: forward on a batch, loss, backward. */
import { modelError } from "../ir/error.ts";
import { type Graph, type Node } from "../ir/graph.ts";
import { dependents, differentiate } from "../differentiate/index.ts";
import type { LossKind } from "../ir/ops.train.ts";
import { defaultLoss, headOf, lossOf, type Head, type Labels, type Loss } from "./loss.ts";
import type { Optimizer } from "./optimizers.ts";
import { channelsOf, type Choice, type Parameter } from "./parameters.ts";
import { suffixOf, type Boundary } from "./split.ts";
import { twinOf, type Twin } from "./twin.ts";

/** As the options of `convert` say; what is undefined takes its default. */
export interface TrainingOptions {
  batch: number;
  /** Rows of the batch that are computed at a time, a divisor of it; default: all. */
  part?: number | undefined;
  loss?: LossKind | undefined;
  lossParameter?: number | undefined;
  labels?: Labels | undefined;
  optimizer?: Optimizer | undefined;
  /** Largest integer of a weight: 127, or 63. */
  limit?: number | undefined;
}

export interface TrainingPlan {
  /** Inputs: boundaries, labels, row weights, parameters with their scales and gradients. Outputs: loss, prediction. */
  graph: Graph;
  parameters: Parameter[];
  initial: Map<string, Float32Array>;
  frozen: Twin["frozen"];
  boundaries: Boundary[];
  choice: Choice;
  loss: Loss;
  head: Head;
  batch: number;
  /** Rows of the batch that the graph computes at a time. */
  part: number;
  optimizer: Optimizer;
  names: { labels: string; weights: string; loss: string; prediction: string };
}

export const gradientOf = (parameter: string): string => `gradient of ${parameter}`;

/**
 * @param source as it will run, quantized or float · @param float the graph before it was quantized
 * @param layers what is trained of each
 * @returns the source with what no trainable layer feeds first, the names of those nodes, and the plan
 * @throws OctavoError ERR_OCTAVO_OPERATOR, _SHAPE: what cannot be trained, and why
 */
export function planTraining(source: Graph, float: Graph, layers: Choice, options: TrainingOptions): { graph: Graph; prefix: ReadonlySet<string>; plan: TrainingPlan } {
  refuse(source);
  refuseBatch(source, options);
  const { graph, prefix } = prefixFirst(source, layers);
  const twin = twinOf(graph, float, layers, options.limit), output = twin.names.get(graph.outputs[0]!) ?? graph.outputs[0]!;
  const head = headOf(twin.b.graph, output, options.loss), { batch } = options, part = options.part ?? batch, kind = options.loss ?? defaultLoss(twin.b.graph, head);
  const loss = lossOf(graph, kind, options.labels, options.lossParameter);
  return { graph, prefix, plan: { ...step(graph, twin, head, loss, part), choice: layers, head, loss, batch, part, optimizer: options.optimizer ?? "adam", initial: twin.initial, frozen: twin.frozen } };
}

function step(source: Graph, twin: Twin, head: Head, loss: Loss, rows: number): Pick<TrainingPlan, "graph" | "parameters" | "boundaries" | "names"> {
  const { b, boundaries, axes } = suffixOf(twin, source, head.prediction, rows), parameters = twin.parameters.filter((p) => b.graph.tensors.has(p.name));
  const axis = axes.get(head.prediction) ?? 0, rank = b.shape(head.prediction).length, order = [axis, ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)];
  const prediction = axis === 0 ? head.prediction : b.add("transpose", [head.prediction], { perm: order }), shape = b.shape(prediction);
  const names = { labels: "labels", weights: "row weights", loss: "loss", prediction };
  b.input(names.labels, "float32", loss.labels === "index" ? shape.slice(0, -1) : shape);
  b.input(names.weights, "float32", [rows]);
  b.add("loss", [prediction, names.labels, names.weights], loss, [names.loss, "gradient of the prediction"]);
  for (const p of parameters) b.input(gradientOf(p.name), "float32", p.shape);
  differentiate(b, new Map([[prediction, "gradient of the prediction"]]), new Map(parameters.map((p) => [p.name, gradientOf(p.name)])));
  b.output(names.loss);
  b.output(prediction);
  return { graph: b.graph, parameters, boundaries, names };
}

function refuse(graph: Graph): void {
  const fail = (problem: string, remedy: string): never => { throw modelError("ERR_OCTAVO_SHAPE", graph.format, `model "${graph.name}"`, problem, remedy); };
  if (graph.outputs.length !== 1) fail(`it has ${graph.outputs.length} outputs, expected one: ${graph.outputs.join(", ")}`, "End it at the one that is trained (--cut NAME).");
  if (graph.states.length) fail("it carries states from run to run, and streams are not trained", "Train it on whole sequences (octavo train --weights), then convert it as a stream with what was learned (--weights).");
}

const MOST_ROWS = 2 ** 24;

function refuseBatch({ format, name }: Graph, { batch, part = batch }: TrainingOptions): void {
  const fail = (problem: string, remedy: string): never => { throw modelError("ERR_OCTAVO_SHAPE", format, `model "${name}"`, problem, remedy); };
  if (!Number.isInteger(batch) || batch < 1 || batch > MOST_ROWS) fail(`the training batch is ${batch}, expected 1 to ${MOST_ROWS} rows`, "Choose another --train-batch.");
  if (!Number.isInteger(part) || part < 1 || batch % part) fail(`the training batch of ${batch} rows in parts of ${part}, expected a divisor of ${batch}`, "Choose another --train-part.");
}

/**
 * Nodes that no trainable layer feeds first, then the others, each in their order. A layer of which some channels are trained is
 * among the first too, behind all others there: inference computes the rest of its channels.
 */
function prefixFirst(graph: Graph, layers: Choice): { graph: Graph; prefix: ReadonlySet<string> } {
  const trained = graph.nodes.filter((n) => layers.has(n.name)), reached = dependents(graph.nodes, trained.flatMap((n) => n.outputs.filter(Boolean)));
  const partly = (n: Node) => channelsOf(layers, n.name) !== undefined && !n.inputs.some((x) => reached.has(x)), behind = (n: Node) => !partly(n) && n.outputs.some((y) => reached.has(y));
  const first = [...graph.nodes.filter((n) => !partly(n) && !behind(n)), ...graph.nodes.filter(partly)];
  return { graph: { ...graph, nodes: [...first, ...graph.nodes.filter(behind)] }, prefix: new Set(first.map((n) => n.name)) };
}
