/** Trained parameters, by the names that training has for them, back into a float graph. */
import { modelError } from "../ir/error.ts";
import { freshName, isConstant, sizeOf, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import { runsOfText } from "../ir/runs.ts";
import { affineOf, parameterName, trainableLayers, type Role } from "./parameters.ts";
import { gateCount, hasSecondBias } from "./recurrent.ts";

/** Constants by input, of every layer that has new ones. */
type NewInputs = Map<number, { shape: number[]; data: Float32Array }>;
type Made = Map<Node, NewInputs>;

/** By LAYER/role, as a trainer's parameters() returns them; a bare array is checked by its length alone. */
export type Weights = Record<string, Float32Array | { shape: readonly number[]; data: Float32Array }>;

/**
 * Where a parameter lies: `shape` numbers from `start` on in an input of its layer, which has shape `whole`; or there its rows
 * `channels`. `added`: to what is there.
 */
interface Place { node: Node; input: number; whole: number[]; shape: number[]; start: number; added: boolean; channels?: readonly number[] }

/**
 * @returns the graph with those parameters in place of its own; what is not named stays. Scales of activations are those of an integer file: passed over
 * @throws OctavoError ERR_OCTAVO_SHAPE, ERR_OCTAVO_DTYPE, ERR_OCTAVO_NAN naming the parameter, what it has and what there is
 */
export function withWeights(graph: Graph, weights: Weights = {}): Graph {
  const nodes = new Map(graph.nodes.map((n) => [n.name, n])), places = new Map(trainableLayers(graph).flatMap((name) => placesOf(graph, nodes.get(name)!)));
  const given = Object.entries(weights).filter(([name]) => !name.endsWith("/activation")).map(([name, value]) => {
    const place = places.get(name) ?? partOf(places, name) ?? unknown(graph, name, [...places.keys()]);
    return { place, data: checked(graph, name, value, place) };
  });
  const made: Made = new Map();
  for (const { place, data } of [...given.filter((g) => !g.place.added), ...given.filter((g) => g.place.added)]) {
    const whole = wholeOf(graph, made, place);
    const K = data.length / place.shape[0]!, at = (i: number) => place.start + (place.channels ? place.channels[Math.floor(i / K)]! * K + (i % K) : i);
    data.forEach((v, i) => { whole[at(i)] = place.added ? whole[at(i)]! + v : v; });
  }
  return withConstants(graph, made);
}

function placesOf(graph: Graph, node: Node): [string, Place][] {
  const shapeOf = (input: number) => (node.inputs[input] ? tensorOf(graph, node.inputs[input]).shape : []);
  const place = (role: Role, input: number, whole: number[], shape = whole, start = 0, d = 0, added = false): [string, Place][] =>
    (node.inputs[input] && !isConstant(graph, node.inputs[input]) ? [] : [[parameterName(node.name, role, d), { node, input, whole, shape, start, added }]]);
  const affine = affineOf(graph, node);
  if (affine) return place(affine.role, affine.operand, shapeOf(affine.operand));
  if (node.op === "gather") return place("table", 0, shapeOf(0));
  if (node.op !== "lstm" && node.op !== "gru" && node.op !== "rnn") return [...place("weight", 1, shapeOf(1)), ...place("bias", 2, [tensorOf(graph, node.outputs[0]!).shape.at(-1)!])];
  const H = node.attributes.hidden, rows = gateCount[node.op] * H, [D, , I] = shapeOf(1) as [number, number, number], biases = node.op === "gru" ? 2 * rows : rows;
  return Array.from({ length: D }, (_, d) => [
    ...place("weight", 1, shapeOf(1), [rows, I], d * rows * I, d), ...place("recurrent", 2, shapeOf(2), [rows, H], d * rows * H, d),
    ...place("bias", 3, [D, biases], [rows], d * biases, d),
    ...(node.op === "gru" ? place("recurrentBias", 3, [D, biases], [rows], d * biases + rows, d)
      : hasSecondBias(node, graph.format) ? place("recurrentBias", 3, [D, biases], [rows], d * biases, d, true) : []),
  ]).flat();
}

/** Of "LAYER/weight 3,8:16" rows 3 and 8 … 15 of that place. */
function partOf(places: ReadonlyMap<string, Place>, name: string): Place | undefined {
  const [, whole, runs] = /^(.*) ([\d:,]{1,10000})$/.exec(name) ?? [], place = places.get(whole ?? ""), [O = 0, ...row] = place?.shape ?? [], channels = place && runsOfText(runs!, O);
  return place && channels && { ...place, shape: [channels.length, ...row], channels };
}

function unknown(graph: Graph, name: string, names: string[]): never {
  const shown = names.slice(0, 24).map((n) => `"${n}"`).join(", ") + (names.length > 24 ? ` and ${names.length - 24} more` : "");
  throw modelError("ERR_OCTAVO_SHAPE", graph.format, `weights "${name}"`, `the model has no such parameter, it has ${shown || "none"}`, "Take the weights that were trained from this very model.");
}

function checked(graph: Graph, name: string, value: Weights[string], place: Place): Float32Array {
  const { shape, data } = value instanceof Float32Array ? { shape: undefined, data: value } : value, wanted = place.shape.join(",");
  const fail = (code: "ERR_OCTAVO_SHAPE" | "ERR_OCTAVO_DTYPE" | "ERR_OCTAVO_NAN", problem: string, remedy: string): never => { throw modelError(code, graph.format, `weights "${name}"`, problem, remedy); };
  const own = place.node.inputs[place.input];
  if (own && (tensorOf(graph, own).quantization || tensorOf(graph, own).dtype !== "float32")) fail("ERR_OCTAVO_DTYPE", "the model is quantized already", "Give them to the float model that it was made from.");
  if ((shape && shape.join(",") !== wanted) || data.length !== sizeOf(place.shape)) fail("ERR_OCTAVO_SHAPE", `found ${shape ? `[${shape.join(",")}]` : `${data.length} values`}, expected [${wanted}]`, "Take the weights that were trained from this very model.");
  const odd = data.findIndex((v) => !Number.isFinite(v));
  return odd < 0 ? data : fail("ERR_OCTAVO_NAN", `found ${data[odd]} at ${odd}, expected finite numbers`, "Train again with a lower learning rate.");
}

/** The constant that an input of a layer will have: a copy of what it has, or zeros. */
function wholeOf(graph: Graph, made: Made, { node, input, whole }: Place): Float32Array {
  const own: NewInputs = made.get(node) ?? new Map(), name = node.inputs[input];
  made.set(node, own);
  if (!own.has(input)) own.set(input, { shape: whole, data: name ? Float32Array.from(tensorOf(graph, name).data!) : new Float32Array(sizeOf(whole)) });
  return own.get(input)!.data;
}

function withConstants(graph: Graph, made: Made): Graph {
  const changed = { ...graph, tensors: new Map(graph.tensors) };
  changed.nodes = graph.nodes.map((node) => {
    const inputs = [...node.inputs];
    for (const [input, { shape, data }] of made.get(node) ?? []) {
      const name = freshName(changed, `${node.name} trained ${input}`);
      changed.tensors.set(name, { name, dtype: "float32", shape, data });
      while (inputs.length < input) inputs.push("");
      inputs[input] = name;
    }
    return { ...node, inputs };
  });
  return changed;
}
