import { describe, expect, test } from "vitest";
import { optimise } from "../../converter/optimise/index.ts";
import { noClamp } from "../../converter/ir/ops.ts";
import { expectSame, image, opsOf, type Net } from "./support.ts";

/** Networks in channels-first form with the operators that are left of them. */
const networks: Record<string, { shape: number[]; build: (n: Net) => string; left: string[] }> = {
  "convolution, batch normalization and relu, twice": {
    shape: [1, 3, 8, 8],
    build: (n) => {
      const block = (x: string, O: number) => n.relu(n.batchNorm(n.convFirst(x, O), 1));
      return block(block("x", 4), 5);
    },
    left: ["transpose", "conv2d", "conv2d", "transpose"],
  },
  "one input channel needs no transpose": {
    shape: [1, 1, 8, 8], build: (n) => n.relu(n.convFirst("x", 4)), left: ["reshape", "conv2d", "transpose"],
  },
  "residual connections": {
    shape: [1, 3, 8, 8],
    build: (n) => {
      const a = n.relu(n.convFirst("x", 4)), b = n.relu(n.batchNorm(n.convFirst(a, 4), 1)), c = n.binary("add", n.convFirst(b, 4), a);
      return n.add("reduceMean", [n.relu(c)], { axes: [2, 3], keepDims: false });
    },
    left: ["transpose", "conv2d", "conv2d", "conv2d", "add", "averagePool2d", "reshape"],
  },
  "residual connection to the input": {
    shape: [1, 3, 8, 8], build: (n) => n.convFirst(n.binary("add", n.convFirst("x", 3), "x"), 2), left: ["transpose", "conv2d", "add", "conv2d", "transpose"],
  },
  "squeeze and excite by pointwise convolutions": {
    shape: [1, 3, 8, 8],
    build: (n) => {
      const a = n.convFirst("x", 8), s = n.add("reduceMean", [a], { axes: [2, 3], keepDims: true });
      return n.add("reduceMean", [n.binary("mul", a, n.unary("hardSigmoid", n.convFirst(n.relu(n.convFirst(s, 2, 1)), 8, 1), 1 / 6, 0.5))], { axes: [2, 3], keepDims: true });
    },
    left: ["transpose", "conv2d", "averagePool2d", "conv2d", "conv2d", "mul", "averagePool2d", "reshape"],
  },
  "squeeze and excite by dense layers": {
    shape: [1, 3, 8, 8],
    build: (n) => {
      const a = n.convFirst("x", 8), s = n.reshape(n.add("reduceMean", [a], { axes: [2, 3], keepDims: true }), 1, 8);
      const y = n.binary("mul", a, n.reshape(n.unary("sigmoid", n.dense(n.relu(n.dense(s, 2)), 8)), 1, 8, 1, 1));
      return n.reshape(n.add("reduceMax", [y], { axes: [2, 3], keepDims: true }), 1, 8);
    },
    left: ["transpose", "conv2d", "averagePool2d", "reshape", "dense", "dense", "sigmoid", "reshape", "mul", "maxPool2d", "reshape"],
  },
  "flatten goes into the columns of the dense layer": {
    shape: [1, 3, 4, 5], build: (n) => n.dense(n.relu(n.reshape(n.convFirst("x", 6), 1, 120)), 7), left: ["transpose", "conv2d", "reshape", "dense"],
  },
  "flatten, batch normalization, dense": {
    shape: [1, 1, 4, 5], build: (n) => n.dense(n.batchNorm(n.relu(n.reshape(n.convFirst("x", 6), 1, 120)), 1), 7), left: ["reshape", "conv2d", "reshape", "dense"],
  },
  "concatenation, split and padding of channels": {
    shape: [1, 4, 6, 6],
    build: (n) => {
      const a = n.convFirst("x", 4), left = n.add("slice", [a], { starts: [0, 0, 0, 0], steps: [1, 1, 1, 1], sizes: [1, 2, 6, 6] });
      const right = n.add("slice", [a], { starts: [0, 2, 0, 0], steps: [1, 1, 1, 1], sizes: [1, 2, 6, 6] });
      const joined = n.add("concat", [right, n.convFirst(left, 3)], { axis: 1 });
      const padded = n.add("pad", [joined], { before: [0, 1, 0, 2], after: [0, 0, 1, 0], mode: "constant", value: 0.5 });
      return n.convFirst(padded, 2);
    },
    left: ["transpose", "conv2d", "slice", "slice", "conv2d", "concat", "pad", "conv2d", "transpose"],
  },
  "constants of lower rank, prelu, where, softmax over channels": {
    shape: [1, 4, 6, 6],
    build: (n) => {
      const a = n.binary("prelu", n.binary("mul", n.relu(n.convFirst("x", 5)), n.weights(5, 1, 1)), n.weights(5, 1, 1));
      const chosen = n.add("where", [n.binary("greater", a, n.weights(6)), a, n.weights(1, 5, 6, 1)], {});
      return n.convFirst(n.add("softmax", [chosen], { axis: 1 }), 3);
    },
    left: ["transpose", "conv2d", "conv2d", "prelu", "greater", "where", "softmax", "conv2d", "transpose"],
  },
  "one-dimensional convolutions": {
    shape: [1, 3, 16],
    build: (n) => {
      const conv = (x: string, O: number) => {
        const [N, C, L] = n.shape(x) as [number, number, number], y = n.conv(n.reshape(n.transpose(x, 0, 2, 1), N, 1, L, C), O, 1);
        return n.transpose(n.reshape(y, N, L, O), 0, 2, 1);
      };
      const a = n.relu(n.batchNorm(conv("x", 4), 1)), b = n.relu(n.binary("add", conv(a, 4), a));
      return n.dense(n.reshape(n.add("slice", [b], { starts: [0, 0, 1], steps: [1, 1, 2], sizes: [1, 4, 8] }), 1, 32), 3);
    },
    left: ["reshape", "transpose", "conv2d", "conv2d", "add", "slice", "reshape", "dense"],
  },
  "one-dimensional convolutions written with an axis of size 1 at the end, mean over time": {
    shape: [1, 3, 16],
    build: (n) => {
      const conv = (x: string, O: number) => {
        const [N, C, L] = n.shape(x) as [number, number, number], y = n.conv(n.transpose(n.reshape(x, N, C, L, 1), 0, 2, 3, 1), O, 1);
        return n.reshape(n.transpose(y, 0, 3, 1, 2), N, O, L);
      };
      return n.dense(n.add("reduceMean", [n.relu(conv(n.relu(conv("x", 4)), 6))], { axes: [2], keepDims: false }), 3);
    },
    left: ["reshape", "transpose", "conv2d", "conv2d", "averagePool2d", "reshape", "dense"],
  },
  "upsampling and transposed convolution": {
    shape: [1, 3, 4, 4],
    build: (n) => {
      const up = (x: string, axis: number) => n.add("resample", [x], { axis, taps: 1, indices: [0, 0, 1, 1, 2, 2, 3, 3], weights: Array(8).fill(1) });
      const y = n.relu(n.convFirst(up(up(n.convFirst("x", 4), 2), 3), 4));
      const t = n.add("convTranspose2d", [n.transpose(y, 0, 2, 3, 1), n.weights(2, 2, 2, 4)], { stride: [2, 2], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, outputPadding: [0, 0], clamp: noClamp });
      return n.unary("sigmoid", n.transpose(t, 0, 3, 1, 2));
    },
    left: ["transpose", "conv2d", "resample", "resample", "conv2d", "convTranspose2d", "sigmoid", "transpose"],
  },
  "tokens of an image": {
    shape: [1, 3, 8, 8],
    build: (n) => n.dense(n.transpose(n.reshape(n.convFirst("x", 6, 2, { stride: 2, pad: 0 }), 1, 6, 16), 0, 2, 1), 5),
    left: ["transpose", "conv2d", "reshape", "dense", "reshape"],
  },
  "group normalization": {
    shape: [1, 3, 4, 5],
    build: (n) => {
      const a = n.convFirst("x", 6), y = n.add("normalize", [n.reshape(a, 1, 2, 60)], { axes: [2], epsilon: 1e-5 });
      return n.convFirst(n.relu(n.binary("add", n.binary("mul", n.reshape(y, 1, 6, 4, 5), n.weights(6, 1, 1)), n.weights(6, 1, 1))), 3);
    },
    left: ["transpose", "conv2d", "reshape", "normalize", "reshape", "conv2d", "reshape", "conv2d", "transpose"],
  },
  "layer normalization of channels, gelu, dense layers: a block of ConvNeXt": {
    shape: [1, 3, 6, 6],
    build: (n) => {
      const a = n.convFirst("x", 4), t = n.transpose(n.convFirst(a, 4, 3, { groups: 4 }), 0, 2, 3, 1);
      const y = n.binary("add", n.binary("mul", n.add("normalize", [t], { axes: [3], epsilon: 1e-6 }), n.weights(4)), n.weights(4));
      const z = n.binary("mul", n.dense(n.unary("gelu", n.dense(y, 8)), 4), n.weights(4));
      return n.convFirst(n.binary("add", n.transpose(z, 0, 3, 1, 2), a), 2);
    },
    left: ["transpose", "conv2d", "conv2d", "normalize", "dense", "gelu", "dense", "add", "conv2d", "transpose"],
  },
  "attention over channels and places": {
    shape: [1, 3, 6, 6],
    build: (n) => {
      const a = n.convFirst("x", 4), mean = n.add("reduceMean", [a], { axes: [1], keepDims: true }), most = n.add("reduceMax", [a], { axes: [1], keepDims: true });
      const gate = n.unary("sigmoid", n.convFirst(n.add("concat", [mean, most], { axis: 1 }), 1));
      return n.convFirst(n.binary("mul", gate, a), 2);
    },
    left: ["transpose", "conv2d", "reduceMean", "reduceMax", "concat", "conv2d", "sigmoid", "mul", "conv2d", "transpose"],
  },
  "channel shuffle keeps one transpose": {
    shape: [1, 4, 6, 6],
    build: (n) => {
      const a = n.convFirst("x", 6);
      return n.convFirst(n.reshape(n.transpose(n.reshape(a, 1, 2, 3, 6, 6), 0, 2, 1, 3, 4), 1, 6, 6, 6), 3);
    },
    left: ["transpose", "conv2d", "reshape", "transpose", "reshape", "conv2d", "transpose"],
  },
  "pixel shuffle keeps one transpose": {
    shape: [1, 4, 3, 3],
    build: (n) => n.convFirst(n.reshape(n.transpose(n.reshape(n.convFirst("x", 8), 1, 2, 2, 2, 3, 3), 0, 1, 4, 2, 5, 3), 1, 2, 6, 6), 3),
    left: ["transpose", "conv2d", "reshape", "transpose", "reshape", "conv2d", "transpose"],
  },
  "frames of an image into a recurrent layer": {
    shape: [1, 1, 6, 8],
    build: (n) => {
      const a = n.relu(n.convFirst("x", 4)), frames = n.reshape(n.transpose(a, 2, 0, 1, 3), 6, 1, 32), f = (fn: "sigmoid" | "tanh") => ({ fn, alpha: 0, beta: 0 });
      return n.add("gru", [frames, n.weights(1, 9, 32), n.weights(1, 9, 3)], { direction: "forward", hidden: 3, clip: 0, linearBeforeReset: true, activations: [f("sigmoid"), f("tanh")] }, ["", "h"]) || "h";
    },
    left: ["reshape", "conv2d", "reshape", "gru"],
  },
};

describe("channels first becomes channels last", () => {
  for (const [name, { shape, build, left }] of Object.entries(networks)) {
    test(name, () => {
      const net = image(...shape), before = net.finish(build(net)), after = optimise(before);
      expectSame(before, after);
      expect(opsOf(after)).toEqual(left);
    });
  }
});
