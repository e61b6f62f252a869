/** Derivatives of elementwise functions and of softmax, written with operators that inference has. */
import { noClamp, type UnaryOp } from "../ir/ops.ts";
import { runsIn } from "../ir/runs.ts";
import type { Rule, Rules, Tape } from "./tape.ts";

interface Point { x: string; y: string; dy: string; alpha: number; beta: number }
type Derivative = (p: Point, w: Writer) => string;

/** Formulas in short. */
class Writer {
  readonly tape: Tape;

  constructor(tape: Tape) {
    this.tape = tape;
  }

  f(op: UnaryOp, x: string, alpha = 0, beta = 0): string {
    return this.tape.b.add(op, [x], { alpha, beta });
  }

  op(op: "add" | "sub" | "mul" | "div", a: string, c: string): string {
    return this.tape.b.add(op, [a, c], { clamp: noClamp });
  }

  /** dy where min < v < max. */
  gate(v: string, dy: string, min: number, max: number): string {
    return this.tape.b.add("clampGrad", [v, dy], { min, max });
  }

  /** dy where v ≤ 0. */
  below(v: string, dy: string): string {
    return this.op("sub", dy, this.gate(v, dy, 0, Infinity));
  }
}

/** σ · (1 − σ) of s = σ(x) */
const logistic = (w: Writer, s: string) => w.op("sub", s, w.op("mul", s, s));

/** f'(x) · dy */
const derivatives: { [K in UnaryOp]?: Derivative } = {
  clip: ({ x, dy, alpha, beta }, w) => w.gate(x, dy, alpha, beta),
  leakyRelu: ({ x, dy, alpha }, w) => w.op("add", w.gate(x, dy, 0, Infinity), w.f("affine", w.below(x, dy), alpha)),
  /** y ≤ 0: α · eˣ = y + α */
  elu: ({ x, y, dy, alpha }, w) => w.op("add", w.gate(x, dy, 0, Infinity), w.op("mul", w.below(x, dy), w.f("affine", y, 1, alpha))),
  celu: ({ x, y, dy, alpha }, w) => w.op("add", w.gate(x, dy, 0, Infinity), w.op("mul", w.below(x, dy), w.f("affine", y, 1 / alpha, 1))),
  /** x > 0: γ; else γ · α · eˣ = y + γ · α */
  selu: ({ x, y, dy, alpha, beta }, w) => w.op("add", w.f("affine", w.gate(x, dy, 0, Infinity), beta), w.op("mul", w.below(x, dy), w.f("affine", y, 1, alpha * beta))),
  sigmoid: ({ y, dy }, w) => w.op("mul", dy, logistic(w, y)),
  tanh: ({ y, dy }, w) => w.op("mul", dy, w.f("affine", w.op("mul", y, y), -1, 1)),
  hardSigmoid: ({ x, dy, alpha, beta }, w) => w.f("affine", w.gate(w.f("affine", x, alpha, beta), dy, 0, 1), alpha),
  /** x · clip(x/6 + 1/2, 0, 1): x/3 + 1/2 inside, 1 above 3 */
  hardSwish: ({ x, dy }, w) => w.op("add", w.op("mul", w.gate(x, dy, -3, 3), w.f("affine", x, 1 / 3, 0.5)), w.gate(x, dy, 3, Infinity)),
  /** s + α · x · s · (1 − s), s = σ(α · x) */
  swish: ({ x, dy, alpha }, w) => {
    const s = w.f("sigmoid", w.f("affine", x, alpha));
    return w.op("mul", dy, w.op("add", s, w.f("affine", w.op("mul", x, logistic(w, s)), alpha)));
  },
  /** Φ(x) + x · φ(x) */
  gelu: ({ x, dy }, w) => {
    const cdf = w.f("affine", w.f("erf", w.f("affine", x, Math.SQRT1_2)), 0.5, 0.5), density = w.f("affine", w.f("exp", w.f("affine", w.op("mul", x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return w.op("mul", dy, w.op("add", cdf, w.op("mul", x, density)));
  },
  /** (1 + t)/2 + x/2 · (1 − t²) · √(2/π) · (1 + 3 · 0.044715 · x²), t = tanh(√(2/π) · (x + 0.044715 · x³)) */
  geluTanh: ({ x, dy }, w) => {
    const c = Math.sqrt(2 / Math.PI), square = w.op("mul", x, x), inner = w.op("mul", x, w.f("affine", square, 0.044715 * c, c)), t = w.f("tanh", inner);
    const slope = w.op("mul", w.f("affine", w.op("mul", t, t), -0.5, 0.5), w.op("mul", x, w.f("affine", square, 3 * 0.044715 * c, c)));
    return w.op("mul", dy, w.op("add", w.f("affine", t, 0.5, 0.5), slope));
  },
  /** t + x · (1 − t²) · σ(x), t = tanh(softplus(x)) */
  mish: ({ x, dy }, w) => {
    const t = w.f("tanh", w.f("softplus", x)), slope = w.op("mul", w.op("mul", x, w.f("sigmoid", x)), w.f("affine", w.op("mul", t, t), -1, 1));
    return w.op("mul", dy, w.op("add", t, slope));
  },
  softplus: ({ x, dy }, w) => w.op("mul", dy, w.f("sigmoid", x)),
  /** 1 / (1 + |x|)² */
  softsign: ({ x, dy }, w) => {
    const d = w.f("affine", w.f("abs", x), 1, 1);
    return w.op("div", dy, w.op("mul", d, d));
  },
  thresholdedRelu: ({ x, dy, alpha }, w) => w.gate(x, dy, alpha, Infinity),
  exp: ({ y, dy }, w) => w.op("mul", dy, y),
  log: ({ x, dy }, w) => w.op("div", dy, x),
  sqrt: ({ y, dy }, w) => w.f("affine", w.op("div", dy, y), 0.5),
  abs: ({ x, dy }, w) => w.op("mul", dy, w.f("sign", x)),
  neg: ({ dy }, w) => w.f("affine", dy, -1),
  /** −y³ / 2 */
  rsqrt: ({ y, dy }, w) => w.f("affine", w.op("mul", dy, w.op("mul", y, w.op("mul", y, y))), -0.5),
  reciprocal: ({ y, dy }, w) => w.f("affine", w.op("mul", dy, w.op("mul", y, y)), -1),
  erf: ({ x, dy }, w) => w.op("mul", dy, w.f("affine", w.f("exp", w.f("neg", w.op("mul", x, x))), 2 / Math.sqrt(Math.PI))),
  sin: ({ x, dy }, w) => w.op("mul", dy, w.f("cos", x)),
  cos: ({ x, dy }, w) => w.f("affine", w.op("mul", dy, w.f("sin", x)), -1),
  affine: ({ dy, alpha }, w) => w.f("affine", dy, alpha),
};

const unary = (derivative: Derivative): Rule<UnaryOp> => (node, [dy], tape) => {
  const { alpha, beta } = node.attributes, x = node.inputs[0]!;
  tape.pass(x, () => derivative({ x, y: node.outputs[0]!, dy: dy!, alpha, beta }, new Writer(tape)));
};

/** y · (dy − Σ dy · y) */
const softmax: Rule<"softmax"> = (node, [dy], tape) => {
  const w = new Writer(tape), y = node.outputs[0]!, axes = [node.attributes.axis];
  tape.pass(node.inputs[0], () => w.op("mul", y, w.op("sub", dy!, tape.b.add("reduceSum", [w.op("mul", dy!, y)], { axes, keepDims: true }))));
};

/** dy − eʸ · Σ dy */
const logSoftmax: Rule<"logSoftmax"> = (node, [dy], tape) => {
  const w = new Writer(tape), axes = [node.attributes.axis];
  tape.pass(node.inputs[0], () => w.op("sub", dy!, w.op("mul", w.f("exp", node.outputs[0]!), tape.b.add("reduceSum", [dy!], { axes, keepDims: true }))));
};

/** Rounding passes gradients through where it does not clamp (straight-through estimator); a scale that moves makes room for all. */
const fakeQuant: Rule<"fakeQuant"> = (node, [dy], tape) => {
  const { scale, zeroPoint, lo, hi } = node.attributes, [x, moving] = node.inputs as [string, string?];
  if (moving) {
    tape.pass(x, () => dy!);
    return tape.sum(moving, (acc) => tape.b.add("observe", [acc, x], { zeroPoint, lo, hi }));
  }
  tape.pass(x, () => tape.b.add("clampGrad", [x, dy!], { min: scale * (lo - zeroPoint - 0.5), max: scale * (hi - zeroPoint + 0.5) }));
};

/** Of weights that a product reads, the parameter behind gets its gradient at once: see Tape.sum. */
const fakeQuantRows: Rule<"fakeQuantRows"> = (node, [dy], tape) => tape.pass(node.inputs[0], () => dy!);

const withChannels: Rule<"withChannels"> = (node, [dy], tape) => {
  const [x, own] = node.inputs as [string, string], { channels } = node.attributes, axis = tape.shape(x).length - 1, runs = runsIn(channels);
  tape.pass(x, () => tape.b.add("withChannels", [dy!, tape.zeros(tape.shape(own))], { channels }));
  tape.pass(own, () => {
    const parts = runs.map(({ first, count }) => tape.part(dy!, axis, first, count));
    return parts.length === 1 ? parts[0]! : tape.b.add("concat", parts, { axis });
  });
};

export const activations: Rules = {
  ...(Object.fromEntries(Object.entries(derivatives).map(([op, d]) => [op, unary(d)])) as Rules),
  softmax, logSoftmax, fakeQuant, fakeQuantRows, withChannels,
};
