/**
 * Parameters of a module that no checkpoint holds, drawn from a seed: as torch.nn draws them (reset_parameters of each
 * module), or as Keras does. Sizes come from the module's settings and from its input.
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf } from "../../ir/graph.ts";
import { range } from "../onnx/write.ts";
import type { JsonObject } from "../wire/json.ts";
import type { StateDict } from "./checkpoint.ts";
import { orthonormal, Random } from "./random.ts";
import type { Parameter } from "./tensors.ts";

/** What one network can ask for: numbers, of which normal ones count eightfold, and multiplications of orthogonal starts (an LSTM of 512). */
interface Budget { numbers: number; products: number }
const budget = (): Budget => ({ numbers: 2 ** 24, products: 2 ** 29 });
const styles = ["pytorch", "keras"];

interface Layer {
  json: JsonObject;
  /** Shape of its first input. */
  x: readonly number[];
  draw: Draw;
  keras: boolean;
}

type Rule = (l: Layer) => Record<string, Parameter | undefined>;

/** Draws the parameters of a network, module by module, in the order of its layers. */
export class Untrained {
  private readonly random: Random;
  private readonly style: unknown;
  private readonly left = budget();

  /** @param style of modules that state none */
  constructor(seed: number, style: unknown) {
    this.random = new Random(seed);
    this.style = style;
  }

  /** Parameters of the module named `path` by their names in a state_dict; a name that is there already is shared. */
  add(weights: StateDict, g: GraphBuilder, json: JsonObject, path: string, x: readonly number[]): void {
    const rule = rules[json.type as string], draw = new Draw(g, this.random, json, this.left);
    if (!rule || weights.has(`${path}.${rule === recurrent ? "weight_ih_l0" : "weight"}`)) return;
    const stated = typeof json.init === "number" ? undefined : json.init, style = stated ?? this.style ?? "pytorch";
    if (!styles.includes(style as string)) draw.refuse(`init is ${JSON.stringify(style)}, expected "pytorch" or "keras"`);
    if (!path) draw.refuse("it has no name, and its parameters need one");
    for (const [name, t] of Object.entries(rule({ json, x, draw, keras: style === "keras" }))) if (t) weights.set(`${path}.${name}`, t);
  }
}

/** Tensors filled from the generator, and the sizes that a layer must state. */
class Draw {
  private readonly g: GraphBuilder;
  private readonly random: Random;
  private readonly json: JsonObject;
  private readonly left: Budget;

  constructor(g: GraphBuilder, random: Random, json: JsonObject, left: Budget) {
    this.g = g;
    this.random = random;
    this.json = json;
    this.left = left;
  }

  refuse(problem: string, remedy = "Correct the architecture file: see docs/architecture-file.md."): never {
    return this.g.fail(problem, remedy, "ERR_OCTAVO_SHAPE");
  }

  /** A size that weights would tell. */
  size(key: string): number {
    const value = this.json[key];
    if (value === undefined) this.refuse(`it has no ${key}, and there are no weights to tell it`, `Add "${key}" to the layer.`);
    return Number.isInteger(value) && (value as number) >= 1 ? (value as number) : this.refuse(`${key} is ${JSON.stringify(value)}, expected a whole number from 1`);
  }

  /** A size that the input tells; where it is stated it must agree. */
  known(key: string, found: number | undefined): number {
    const stated = this.json[key];
    if (found === undefined) this.refuse("its input has too few axes");
    return stated === undefined || stated === found ? found : this.refuse(`${key} is ${JSON.stringify(stated)}, its input has ${found}`);
  }

  /** One number for all of `rank` axes, or one each. */
  sizes(key: string, rank: number): number[] {
    const value = this.json[key];
    if (!Array.isArray(value)) return Array<number>(rank).fill(this.size(key));
    return value.length === rank && value.every((d) => Number.isInteger(d) && (d as number) >= 1) ? (value as number[]) : this.refuse(`${key} is ${JSON.stringify(value)}, expected ${rank} whole numbers from 1`);
  }

  private tensor(shape: number[], value: () => number, cost = 1): Parameter {
    const count = sizeOf(shape);
    if (!((this.left.numbers -= cost * count) >= 0)) this.refuse(`with a parameter of [${shape.join(",")}] the network has too many numbers to be drawn`, "Build a smaller network.");
    return { shape, dtype: "float32", data: Float32Array.from({ length: count }, value) };
  }

  constant = (shape: number[], value: number): Parameter => this.tensor(shape, () => value);
  uniform = (shape: number[], bound: number): Parameter => this.tensor(shape, () => this.random.uniform(bound));
  normal = (shape: number[]): Parameter => this.tensor(shape, () => this.random.normal(), 8);

  /** [rows,columns], rows ≥ columns, with orthonormal columns. */
  orthogonal(rows: number, columns: number): Parameter {
    if (!((this.left.products -= rows * columns ** 2) >= 0)) this.refuse(`hidden_size is ${columns}, too large for an orthogonal start`, 'Leave out "init": "keras".');
    const drawn = this.constant([rows, columns], 0), q = orthonormal(this.random, columns, rows);
    drawn.data.forEach((_, i) => { drawn.data[i] = q[i % columns]![Math.floor(i / columns)]!; });
    return drawn;
  }
}

/** torch: both U(±1/√fanIn), which is kaiming_uniform with a = √5. Keras: U(±√(6 / (fanIn + fanOut))), glorot_uniform, and zeros. */
function product({ json, draw, keras }: Layer, shape: number[], outputs: number, fanIn: number, fanOut: number): Record<string, Parameter | undefined> {
  const weight = draw.uniform(shape, keras ? Math.sqrt(6 / (fanIn + fanOut)) : 1 / Math.sqrt(fanIn));
  return { weight, bias: json.bias === false ? undefined : keras ? draw.constant([outputs], 0) : draw.uniform([outputs], 1 / Math.sqrt(fanIn)) };
}

/** torch/nn/modules/conv.py, _ConvNd.reset_parameters; weight [O,C/groups,…] */
const convolution = (rank: number): Rule => (l) => {
  const O = l.draw.size("out_channels"), C = channelsOf(l, rank), kernel = l.draw.sizes("kernel_size", rank);
  return product(l, [O, C.group, ...kernel], O, C.group * sizeOf(kernel), O * sizeOf(kernel));
};

/** The same of [C,O/groups,…], whose fan in torch counts on axis 1. */
const transposed = (rank: number): Rule => (l) => {
  const O = l.draw.size("out_channels"), C = channelsOf(l, rank), kernel = l.draw.sizes("kernel_size", rank), group = O / C.groups;
  if (!Number.isInteger(group)) l.draw.refuse(`out_channels is ${O}, expected a multiple of groups ${C.groups}`);
  return product(l, [C.all, group, ...kernel], O, group * sizeOf(kernel), C.all * sizeOf(kernel));
};

function channelsOf({ json, x, draw }: Layer, rank: number): { all: number; group: number; groups: number } {
  const all = draw.known("in_channels", x.at(-1 - rank)), groups = json.groups === undefined ? 1 : draw.size("groups"), group = all / groups;
  return Number.isInteger(group) ? { all, group, groups } : draw.refuse(`groups is ${groups}, its input has ${all} channels`);
}

/** torch/nn/modules/linear.py */
const linear: Rule = (l) => {
  const O = l.draw.size("out_features"), I = l.draw.known("in_features", l.x.at(-1));
  return product(l, [O, I], O, I, O);
};

/** torch/nn/modules/sparse.py: N(0, 1), the padding row zero. Keras: U(±0.05). */
const embedding: Rule = ({ json, draw, keras }) => {
  const V = draw.size("num_embeddings"), E = draw.size("embedding_dim"), weight = keras ? draw.uniform([V, E], 0.05) : draw.normal([V, E]);
  const empty = Number.isInteger(json.padding_idx) ? (V + (json.padding_idx as number)) % V : V;
  weight.data.fill(0, E * empty, E * empty + E);
  return { weight };
};

const scaleAndShift = ({ json, draw }: Layer, shape: number[], has: boolean): Record<string, Parameter | undefined> =>
  ({ weight: has ? draw.constant(shape, 1) : undefined, bias: has && json.bias !== false ? draw.constant(shape, 0) : undefined });

/** torch/nn/modules/batchnorm.py */
const batchNorm: Rule = (l) => {
  const C = [l.draw.known("num_features", l.x[1])];
  return { ...scaleAndShift(l, C, l.json.affine !== false), running_mean: l.draw.constant(C, 0), running_var: l.draw.constant(C, 1) };
};
const instanceNorm: Rule = (l) => scaleAndShift(l, [l.draw.known("num_features", l.x[1])], l.json.affine === true);
const groupNorm: Rule = (l) => scaleAndShift(l, [l.draw.known("num_channels", l.x[1])], l.json.affine !== false);
const normalizedOf = ({ json, draw }: Layer): number[] => draw.sizes("normalized_shape", Array.isArray(json.normalized_shape) ? json.normalized_shape.length : 1);
const layerNorm: Rule = (l) => scaleAndShift(l, normalizedOf(l), l.json.elementwise_affine !== false);
const rmsNorm: Rule = (l) => ({ weight: scaleAndShift(l, normalizedOf(l), l.json.elementwise_affine !== false).weight });
const prelu: Rule = ({ json, draw, keras }) =>
  ({ weight: draw.constant([json.num_parameters === undefined ? 1 : draw.size("num_parameters")], typeof json.init === "number" ? json.init : keras ? 0 : 0.25) });

const gates: Record<string, number> = { LSTM: 4, GRU: 3, RNN: 1 };

/** torch/nn/modules/rnn.py: all of a layer U(±1/√H). Keras: kernels glorot_uniform, recurrent ones orthogonal, biases zero but for ones of the forget gate. */
function recurrent(l: Layer): Record<string, Parameter | undefined> {
  const { json, draw } = l, H = draw.size("hidden_size"), rows = gates[json.type as string]! * H, D = json.bidirectional === true ? 2 : 1;
  const layers = json.num_layers === undefined ? 1 : draw.size("num_layers"), first = draw.known("input_size", l.x.at(-1));
  if (layers > 64) draw.refuse(`num_layers is ${layers}, expected at most 64`);
  return Object.fromEntries(range(layers).flatMap((i) => range(D).flatMap((d) => cell(l, `l${i}${d ? "_reverse" : ""}`, rows, i ? D * H : first, H))));
}

function cell({ json, draw, keras }: Layer, suffix: string, rows: number, I: number, H: number): [string, Parameter | undefined][] {
  const bound = 1 / Math.sqrt(H), forget = (bias: Parameter) => { if (json.type === "LSTM") bias.data.fill(1, H, 2 * H); return bias; };
  const bias = (of: () => Parameter) => (json.bias === false ? undefined : of());
  return [
    [`weight_ih_${suffix}`, draw.uniform([rows, I], keras ? Math.sqrt(6 / (I + rows)) : bound)],
    [`weight_hh_${suffix}`, keras ? draw.orthogonal(rows, H) : draw.uniform([rows, H], bound)],
    [`bias_ih_${suffix}`, bias(() => (keras ? forget(draw.constant([rows], 0)) : draw.uniform([rows], bound)))],
    [`bias_hh_${suffix}`, bias(() => (keras ? draw.constant([rows], 0) : draw.uniform([rows], bound)))],
  ];
}

const rules: Record<string, Rule> = {
  Conv1d: convolution(1), Conv2d: convolution(2), ConvTranspose1d: transposed(1), ConvTranspose2d: transposed(2), Linear: linear, Embedding: embedding,
  BatchNorm1d: batchNorm, BatchNorm2d: batchNorm, InstanceNorm1d: instanceNorm, InstanceNorm2d: instanceNorm, GroupNorm: groupNorm,
  LayerNorm: layerNorm, RMSNorm: rmsNorm, PReLU: prelu, LSTM: recurrent, GRU: recurrent, RNN: recurrent,
};
