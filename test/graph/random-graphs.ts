/** Random graphs of what readers write: channels-first images, sequences, matrices, with branches and several outputs. */
import { sizeOf, type Graph, type Quantization } from "../../converter/ir/graph.ts";
import { noClamp, reduceOps, type BinaryOp, type UnaryOp } from "../../converter/ir/ops.ts";
import { image, random, type Net } from "./support.ts";

type Choice = (n: Net, x: string, r: Dice) => string | undefined;

/** Whole numbers and choices from a seed. */
class Dice {
  private readonly next: () => number;
  constructor(seed: number) {
    this.next = random(seed);
    for (let i = 0; i < 8; i++) this.next();
  }
  below(n: number): number {
    return Math.min(n - 1, Math.floor(((this.next() + 1) / 2) * n));
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  shuffle<T>(list: readonly T[]): T[] {
    const left = [...list], out: T[] = [];
    while (left.length) out.push(...left.splice(this.below(left.length), 1));
    return out;
  }
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const small: UnaryOp[] = ["sigmoid", "tanh", "hardSwish", "abs", "sin"];
/** A tensor of the same shape as x: x again, or something computed apart from it. */
const partners = (n: Net, x: string): string[] => [...n.graph.tensors.values()].filter((t) => !t.data && t.dtype === "float32" && t.shape.join() === n.shape(x).join()).map((t) => t.name);
/** The shape of a constant that broadcasts over x. */
const broadcastable = (shape: number[], r: Dice) => shape.slice(r.below(shape.length + 1)).map((d) => (r.below(2) ? d : 1));

const choices: Choice[] = [
  (n, x, r) => (n.shape(x).length === 4 && sizeOf(n.shape(x)) < 2000 ? n.convFirst(x, 1 + r.below(4), r.of([1, 3]), { pad: 1 }) : undefined),
  (n, x, r) => (n.shape(x).length === 4 && sizeOf(n.shape(x)) < 2000 ? n.convFirst(x, 1 + r.below(4), r.of([1, 3]), { pad: 1 }) : undefined),
  (n, x, r) => (n.shape(x).length === 3 && sizeOf(n.shape(x)) < 2000 ? sequenceConv(n, x, 1 + r.below(4)) : undefined),
  (n, x) => (n.shape(x).length === 4 ? n.transpose(n.add("maxPool2d", [n.transpose(x, 0, 2, 3, 1)], { kernel: [2, 2], stride: [1, 2], dilation: [1, 1], pad: [1, 1, 1, 1], clamp: noClamp }), 0, 3, 1, 2) : undefined),
  (n, x) => n.relu(x),
  (n, x, r) => n.unary(r.of(small), x),
  (n, x, r) => n.unary("affine", x, 0.5, r.below(3)),
  (n, x, r) => n.binary(r.of<BinaryOp>(["add", "mul", "max"]), x, r.of(partners(n, x))),
  (n, x, r) => {
    const others = partners(n, x).filter((name) => name !== x);
    return others.length ? n.binary("sub", x, r.of(others)) : undefined;
  },
  (n, x, r) => n.binary(r.of<BinaryOp>(["add", "mul"]), r.of(partners(n, x)), x),
  (n, x, r) => n.binary(r.of<BinaryOp>(["add", "mul", "prelu"]), x, n.weights(...broadcastable(n.shape(x), r))),
  (n, x, r) => n.binary("mul", x, n.add("reduceMean", [x], { axes: [r.below(n.shape(x).length)], keepDims: true })),
  (n, x, r) => n.add("concat", [x, r.of(partners(n, x))], { axis: r.below(n.shape(x).length) }),
  (n, x, r) => {
    const sizes = n.shape(x).map((d) => 1 + r.below(d)), starts = sizes.map((s, k) => r.below(n.shape(x)[k]! - s + 1));
    return n.add("slice", [x], { starts, sizes, steps: sizes.map(() => 1) });
  },
  (n, x, r) => n.add("pad", [x], { before: n.shape(x).map(() => r.below(2)), after: n.shape(x).map(() => r.below(2)), mode: r.of(["constant", "edge"]), value: 0 }),
  (n, x, r) => n.add(r.of([...reduceOps].slice(0, 4)), [x], { axes: r.shuffle(range(n.shape(x).length)).slice(0, 1 + r.below(2)).sort(), keepDims: r.below(2) === 0 }),
  (n, x, r) => n.transpose(x, ...r.shuffle(range(n.shape(x).length))),
  (n, x, r) => n.transpose(x, ...r.shuffle(range(n.shape(x).length))),
  (n, x, r) => joined(n, x, r),
  (n, x, r) => parted(n, x, r),
  (n, x, r) => {
    const shape = [...n.shape(x)];
    shape.splice(r.below(shape.length + 1), 0, 1);
    return shape.length > 6 ? undefined : n.reshape(x, ...shape);
  },
  (n, x) => n.reshape(x, ...n.shape(x).filter((d) => d !== 1)),
  (n, x, r) => n.add("softmax", [x], { axis: r.below(n.shape(x).length) }),
  (n, x, r) => {
    // Once: the mean of what is normalized is rounding, which a second one would enlarge.
    const wide = range(n.shape(x).length).filter((k) => n.shape(x)[k]! > 1), first = !n.graph.nodes.some((node) => node.op === "normalize");
    return wide.length && first ? n.add("normalize", [x], { axes: [r.of(wide)], epsilon: 0.1 }) : undefined;
  },
  (n, x, r) => n.batchNorm(x, r.below(n.shape(x).length)),
  (n, x, r) => n.dense(x, 1 + r.below(5)),
  (n, x, r) => {
    const axis = r.below(n.shape(x).length), d = n.shape(x)[axis]!, shape = r.of([[], [1], [2]]);
    const indices = n.constant("i", "int64", shape, Float64Array.from({ length: sizeOf(shape) }, () => r.below(d)));
    return n.add("gather", [x, indices], { axis });
  },
  (n, x, r) => n.add("expand", [x], { shape: n.shape(x).map((d) => (d === 1 && r.below(2) ? 2 : d)) }),
  (n, x, r) => n.add("tile", [x], { repeats: n.shape(x).map(() => 1 + r.below(2)) }),
  (n, x, r) => {
    const axis = r.below(n.shape(x).length), d = n.shape(x)[axis]!;
    return n.add("resample", [x], { axis, taps: 1, indices: range(d * 2).map((i) => i >> 1), weights: Array(d * 2).fill(1) });
  },
  (n, x, r) => n.add("where", [n.binary("greater", x, n.weights(...broadcastable(n.shape(x), r))), x, r.of(partners(n, x))], {}),
  (n, x, r) => {
    const quantization: Quantization = { scale: Float32Array.of(0.05), zeroPoint: Int32Array.of(r.below(5)), axis: 0 };
    return n.add("dequantize", [n.add("quantize", [x], {}, [], { dtype: "int8", quantization })], {});
  },
];

function sequenceConv(n: Net, x: string, O: number): string {
  const [N, C, L] = n.shape(x) as [number, number, number], y = n.conv(n.reshape(n.transpose(x, 0, 2, 1), N, 1, L, C), O, 1);
  return n.transpose(n.reshape(y, N, L, O), 0, 2, 1);
}

/** Two neighbouring axes become one. */
function joined(n: Net, x: string, r: Dice): string | undefined {
  const shape = [...n.shape(x)];
  if (shape.length < 2) return undefined;
  const k = r.below(shape.length - 1);
  shape.splice(k, 2, shape[k]! * shape[k + 1]!);
  return n.reshape(x, ...shape);
}

/** An even axis becomes two. */
function parted(n: Net, x: string, r: Dice): string | undefined {
  const shape = [...n.shape(x)], even = range(shape.length).filter((k) => shape[k]! % 2 === 0);
  if (!even.length || shape.length > 5) return undefined;
  const k = r.of(even);
  shape.splice(k, 1, ...(r.below(2) ? [2, shape[k]! / 2] : [shape[k]! / 2, 2]));
  return n.reshape(x, ...shape);
}

export function randomGraph(seed: number, size = 14): Graph {
  const r = new Dice(seed), net = image(...r.of([[1, 3, 4, 4], [1, 2, 6, 5], [1, 1, 4, 6], [1, 4, 8], [2, 3, 4, 4], [1, 12]]));
  const made = ["x"];
  for (let tries = 0; made.length < size && tries < 100; tries++) {
    const x = r.below(3) ? made.at(-1)! : r.of(made);
    if (!net.shape(x).length || sizeOf(net.shape(x)) > 4000) continue;
    const y = r.of(choices)(net, x, r);
    if (y && y !== x) made.push(y);
  }
  const outputs = new Set([made.at(-1)!, ...(r.below(2) ? [r.of(made.slice(1))] : [])]);
  return net.finish(...outputs);
}
