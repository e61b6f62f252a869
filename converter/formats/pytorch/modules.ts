/** torch.nn modules and functions that an architecture file may name, each written by the ATen operator behind it. */
import type { Json } from "../wire/json.ts";

/** Where a size that a module states can be checked: axis of one of its parameters, times another setting. */
interface Size { parameter: string; axis: number; times?: string }

export interface Module {
  /** ATen operator. */
  op: string;
  /** Its argument names for the inputs, in order; "tensors" takes all of them as a list. */
  inputs: string[];
  /** Parameters under the module's name; with "?" they may be absent. */
  parameters: string[];
  /** Settings with PyTorch's defaults; null has none. Each is an argument of the operator. */
  settings: Record<string, Json>;
  /** Settings that only repeat a size of the parameters. */
  sizes: Record<string, Size>;
  /** Settings that the operator does not take, with the only value that is supported. */
  only: Record<string, Json>;
}

type Part = Partial<Omit<Module, "op">>;
const module = (op: string, part: Part = {}): Module => ({ op, inputs: ["self"], parameters: [], settings: {}, sizes: {}, only: {}, ...part });
const weight = (axis: number, times?: string): Size => ({ parameter: "weight", axis, ...(times && { times }) });
/** Settings that only matter in training or on other devices, whatever they are. */
export const withoutEffect = ["inplace", "bias", "affine", "track_running_stats", "momentum", "p", "num_parameters", "init", "padding_idx",
  "max_norm", "norm_type", "scale_grad_by_freq", "sparse", "elementwise_affine", "lower", "upper", "device", "dtype"];

const convolution = (op: string): Module => module(op, {
  inputs: ["input"], parameters: ["weight", "bias?"], settings: { stride: 1, padding: 0, dilation: 1, groups: 1 }, only: { padding_mode: "zeros" },
  sizes: { out_channels: weight(0), in_channels: weight(1, "groups"), kernel_size: weight(2) },
});
const transposed = (op: string): Module => module(op, {
  inputs: ["input"], parameters: ["weight", "bias?"], settings: { stride: 1, padding: 0, output_padding: 0, groups: 1, dilation: 1 },
  only: { padding_mode: "zeros" },
  sizes: { in_channels: weight(0), out_channels: weight(1, "groups"), kernel_size: weight(2) },
});
const batchNorm = module("batch_norm",
  { inputs: ["input"], parameters: ["weight?", "bias?", "running_mean", "running_var", "num_batches_tracked?"], settings: { eps: 1e-5 },
    sizes: { num_features: { parameter: "running_mean", axis: 0 } } });
const instanceNorm = module("instance_norm",
  { inputs: ["input"], parameters: ["weight?", "bias?", "running_mean?", "running_var?", "num_batches_tracked?"], settings: { eps: 1e-5 },
    sizes: { num_features: weight(0) } });
const identity = module("alias");
const pool = (op: string, extra: Record<string, Json>): Module =>
  module(op, { settings: { kernel_size: null, stride: [], padding: 0, ceil_mode: false, ...extra },
    only: { return_indices: false, divisor_override: null } });
const dim = (op: string, otherwise: Json = null): Module => module(op, { settings: { dim: otherwise } });
const pair = (op: string): Module => module(op, { inputs: ["self", "other"] });
const reduction = (op: string): Module => module(op, { settings: { dim: null, keepdim: false } });
const pads = (mode: string): Module => module("pad", { settings: { padding: null, mode, value: 0 } });
const recurrent = (op: string): Module => module(op, {
  inputs: ["input", "h0", "c0"], settings: { num_layers: 1, bidirectional: false, batch_first: false, dropout: 0,
    ...(op === "rnn" && { nonlinearity: "tanh" }) }, only: { proj_size: 0 },
  sizes: { input_size: { parameter: "weight_ih_l0", axis: 1 }, hidden_size: { parameter: "weight_hh_l0", axis: 1 } },
});

export const modules: Record<string, Module> = {
  Conv1d: convolution("conv1d"), Conv2d: convolution("conv2d"), ConvTranspose1d: transposed("conv_transpose1d"),
  ConvTranspose2d: transposed("conv_transpose2d"),
  Linear: module("linear", { inputs: ["input"], parameters: ["weight", "bias?"], sizes: { in_features: weight(1), out_features: weight(0) } }),
  Embedding: module("embedding", { inputs: ["indices"], parameters: ["weight"], sizes: { num_embeddings: weight(0), embedding_dim: weight(1) } }),
  BatchNorm1d: batchNorm, BatchNorm2d: batchNorm, InstanceNorm1d: instanceNorm, InstanceNorm2d: instanceNorm,
  LayerNorm: module("layer_norm", { inputs: ["input"], parameters: ["weight?", "bias?"], settings: { normalized_shape: null, eps: 1e-5 } }),
  RMSNorm: module("rms_norm", { inputs: ["input"], parameters: ["weight?"], settings: { normalized_shape: null, eps: 1.1920928955078125e-7 } }),
  GroupNorm: module("group_norm",
    { inputs: ["input"], parameters: ["weight?", "bias?"], settings: { num_groups: null, eps: 1e-5 }, sizes: { num_channels: weight(0) } }),
  LSTM: recurrent("lstm"), GRU: recurrent("gru"), RNN: recurrent("rnn"),
  ReLU: module("relu"), ReLU6: module("relu6"), LeakyReLU: module("leaky_relu", { settings: { negative_slope: 0.01 } }),
  ELU: module("elu", { settings: { alpha: 1 } }), SELU: module("selu"), CELU: module("celu", { settings: { alpha: 1 } }),
  GELU: module("gelu", { settings: { approximate: "none" } }), SiLU: module("silu"), Mish: module("mish"),
  Hardtanh: module("hardtanh", { settings: { min_val: -1, max_val: 1 } }), Hardswish: module("hardswish"), Hardsigmoid: module("hardsigmoid"),
  Sigmoid: module("sigmoid"), Tanh: module("tanh"), Softplus: module("softplus", { settings: { beta: 1 }, only: { threshold: 20 } }),
  Softsign: module("softsign"), LogSigmoid: module("log_sigmoid"),
  Threshold: module("threshold", { settings: { threshold: null, value: null } }), PReLU: module("prelu", { parameters: ["weight"] }),
  GLU: dim("glu", -1), Softmax: dim("softmax"), LogSoftmax: dim("log_softmax"),
  Identity: identity, Dropout: identity, Dropout1d: identity, Dropout2d: identity, AlphaDropout: identity,
  MaxPool1d: pool("max_pool1d", { dilation: 1 }), MaxPool2d: pool("max_pool2d", { dilation: 1 }),
  AvgPool1d: pool("avg_pool1d", { count_include_pad: true }), AvgPool2d: pool("avg_pool2d", { count_include_pad: true }),
  AdaptiveAvgPool1d: module("adaptive_avg_pool1d", { settings: { output_size: null } }),
  AdaptiveAvgPool2d: module("adaptive_avg_pool2d", { settings: { output_size: null } }),
  AdaptiveMaxPool1d: module("adaptive_max_pool1d", { settings: { output_size: null } }),
  AdaptiveMaxPool2d: module("adaptive_max_pool2d", { settings: { output_size: null } }),
  Flatten: module("flatten", { settings: { start_dim: 1, end_dim: -1 } }),
  Unflatten: module("unflatten", { settings: { dim: null, unflattened_size: null } }),
  ZeroPad1d: pads("constant"), ZeroPad2d: pads("constant"), ConstantPad1d: pads("constant"), ConstantPad2d: pads("constant"),
  ReflectionPad1d: pads("reflect"), ReflectionPad2d: pads("reflect"), ReplicationPad1d: pads("replicate"), ReplicationPad2d: pads("replicate"),
  Upsample: module("upsample", { settings: { size: null, scale_factor: null, mode: "nearest", align_corners: false } }),
  PixelShuffle: module("pixel_shuffle", { settings: { upscale_factor: null } }),
  PixelUnshuffle: module("pixel_unshuffle", { settings: { downscale_factor: null } }),
  ChannelShuffle: module("channel_shuffle", { settings: { groups: null } }),
  add: pair("add"), sub: pair("sub"), mul: pair("mul"), div: pair("div"), matmul: pair("matmul"), maximum: pair("maximum"), minimum: pair("minimum"),
  cat: module("cat", { inputs: ["tensors"], settings: { dim: 1 } }), stack: module("stack", { inputs: ["tensors"], settings: { dim: 1 } }),
  mean: reduction("mean"), sum: reduction("sum"), amax: reduction("amax"), amin: reduction("amin"),
  select: module("select", { settings: { dim: 1, index: -1 } }), slice: module("slice", { settings: { dim: 1, start: 0, end: null, step: 1 } }),
  permute: module("permute", { settings: { dims: null } }), transpose: module("transpose", { settings: { dim0: null, dim1: null } }),
  reshape: module("reshape", { settings: { shape: null } }), flatten: module("flatten", { settings: { start_dim: 0, end_dim: -1 } }),
  unsqueeze: dim("unsqueeze"), squeeze: dim("squeeze"), repeat: module("repeat", { settings: { repeats: null } }),
  expand: module("expand", { settings: { size: null } }),
  clamp: module("clamp", { settings: { min: null, max: null } }), scale: module("mul", { settings: { other: null } }),
  offset: module("add", { settings: { other: null } }),
};

/** Settings that may be left out though they have no default. */
export const optionalSettings = ["size", "scale_factor", "end", "dim", "min", "max"];
