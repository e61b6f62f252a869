/** Convolutions. TFLite is channels-last as the graph is; only depthwise weights [1,KH,KW,O] are turned to [O,KH,KW,1]. */
import type { Hybrid } from "../../ir/ops.ts";
import { clampOf, type OperatorTable, type TfliteNode } from "./node.ts";
import { options, same } from "./schema.ts";
import { show } from "./tensors.ts";

export const convolutions: OperatorTable = { CONV_2D: conv2d, DEPTHWISE_CONV_2D: depthwise, TRANSPOSE_CONV: transposeConv, 'custom operator "Convolution2DTransposeBias"': transposeConvBias };

/** Rows before and after, for windows of `kernel` that cover `size` at `stride` (Padding SAME) or stay inside (VALID). */
export function padding(kind: number, size: number, kernel: number, stride: number, dilation: number): [before: number, after: number] {
  if (kind !== same) return [0, 0];
  const windows = Math.ceil(size / stride);
  const total = Math.max(0, (windows - 1) * stride + (kernel - 1) * dilation + 1 - size);
  return [total >> 1, total - (total >> 1)];
}

export interface WindowOptions { padding: number; strideW: number; strideH: number; dilationW?: number; dilationH?: number }

/** Attributes of a window of [KH,KW] over a picture of [H,W]. */
export function windowOf(n: TfliteNode, o: WindowOptions, [KH, KW]: [number, number], [H, W]: [number, number]) {
  const stride = positive(n, "stride", [o.strideH, o.strideW]);
  const dilation = positive(n, "dilation", [o.dilationH ?? 1, o.dilationW ?? 1]);
  positive(n, "window", [KH, KW]);
  const [top, bottom] = padding(o.padding, H, KH, stride[0], dilation[0]);
  const [left, right] = padding(o.padding, W, KW, stride[1], dilation[1]);
  return { stride, dilation, pad: [top, left, bottom, right] };
}

function positive(n: TfliteNode, what: string, [h, w]: [number, number]): [number, number] {
  if (h < 1 || w < 1) n.damaged(`its ${what} is ${h} × ${w}, expected positive numbers`);
  return [h, w];
}

const weights = (n: TfliteNode): string => (n.isHybrid(1) ? n.stored(1) : n.input(1));

/** x [N,H,W,C] · w [O,KH,KW,C/groups] · b [O]?; the number of groups follows from the shapes. */
function conv2d(n: TfliteNode): void {
  const o = options.conv2d(n.operator);
  const x = n.input(0), w = weights(n);
  const [, , , C] = n.ranked(x, 4) as [number, number, number, number];
  const [O, , , perGroup] = n.ranked(w, 4, "weight tensor") as [number, number, number, number];
  if (perGroup < 1 || C % perGroup || O % (C / perGroup)) {
    n.damaged(`weights of ${perGroup} channels do not divide the ${C} of the input into groups for ${O} outputs`);
  }
  convolve(n, x, w, C / perGroup, o, new Set(n.quantization(w)?.scale).size > 1 ? "byChannel" : "symmetric");
}

/** w [1,KH,KW,O], O = C · multiplier: output channel o reads input channel o / multiplier. */
function depthwise(n: TfliteNode): void {
  const o = options.depthwiseConv2d(n.operator);
  const x = n.input(0), w = weights(n);
  const [, , , C] = n.ranked(x, 4) as [number, number, number, number];
  const [one, , , O] = n.ranked(w, 4, "weight tensor") as [number, number, number, number];
  if (one !== 1 || C < 1 || O % C) n.damaged(`depthwise weights ${show(n.shape(w))} do not fit ${C} channels`);
  convolve(n, x, n.transpose(w, [3, 1, 2, 0]), C, o, "asymmetric");
}

/** Between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND the window is dilated by the block, and the padding that of the pair. */
function convolve(n: TfliteNode, x: string, w: string, groups: number, o: WindowOptions & { activation: number }, hybrid: Hybrid): void {
  const [, H, W] = n.shape(x) as [number, number, number, number];
  const [, KH, KW] = n.shape(w) as [number, number, number, number];
  const found = n.scope.dilated.get(n.operator);
  const window = found ? { stride: [1, 1], dilation: found.dilation, pad: found.pad } : windowOf(n, o, [KH, KW], [H, W]);
  const inputs = n.has(2) ? [x, w, bias(n, 2, n.shape(w)[0]!)] : [x, w];
  n.emit("conv2d", inputs, { ...window, groups, clamp: clampOf(n, o.activation), ...(n.isHybrid(1) && { hybrid }) });
}

export function bias(n: TfliteNode, i: number, size: number): string {
  const b = n.input(i);
  if (n.shape(b).length !== 1 || n.shape(b)[0] !== size) n.damaged(`its bias has shape ${show(n.shape(b))}, expected [${size}]`);
  return b;
}

/**
 * output shape [4] (where it is computed, what the file says of the output) · w [O,KH,KW,C] · x [N,H,W,C] · b [O]?
 * Padding is that of the convolution this one inverts.
 */
function transposeConv(n: TfliteNode): void {
  const shape = n.isFixed(0) ? n.integers(0) : n.target().shape;
  const isHybrid = n.isHybrid(1, 2), w = isHybrid ? n.stored(1) : n.input(1);
  transposed(n, n.input(2), w, 3, shape, options.transposeConv(n.operator), isHybrid);
}

/**
 * MediaPipe's: x [N,H,W,C] · w [O,KH,KW,C] · b [O]. Its options are three int32: padding (1 SAME, 2 VALID), horizontal and vertical stride
 * (mediapipe/util/tflite/operations/transpose_conv_bias.cc).
 */
function transposeConvBias(n: TfliteNode): void {
  const o = n.operator.customOptions, view = new DataView(o.buffer, o.byteOffset, o.length);
  if (o.length < 12) n.damaged(`its options have ${o.length} bytes, expected 12`);
  const [kind, strideW, strideH] = [0, 4, 8].map((at) => view.getInt32(at, true)) as [number, number, number];
  if (kind !== 1 && kind !== 2) n.damaged(`its padding is ${kind}, expected 1 or 2`);
  transposed(n, n.input(0), n.input(1), 2, n.target().shape, { padding: kind - 1, strideW, strideH, activation: 0 });
}

function transposed(n: TfliteNode, x: string, w: string, b: number, shape: number[], o: WindowOptions & { activation: number }, isHybrid = false): void {
  const [, H, W] = n.ranked(x, 4) as [number, number, number, number];
  const [O, KH, KW] = n.ranked(w, 4, "weight tensor") as [number, number, number, number];
  if (shape.length !== 4 || shape.some((d) => d < 1)) n.damaged(`its output shape is ${show(shape)}, expected four positive sizes`);
  const stride = positive(n, "stride", [o.strideH, o.strideW]);
  positive(n, "window", [KH, KW]);
  const rows = cropped(o.padding, shape[1]!, H, KH, stride[0]), columns = cropped(o.padding, shape[2]!, W, KW, stride[1]);
  n.emit("convTranspose2d", n.has(b) ? [x, w, bias(n, b, O)] : [x, w], {
    stride, dilation: [1, 1], groups: 1, clamp: clampOf(n, o.activation), ...(isHybrid && { hybrid: "byChannel" }),
    pad: [rows.before, columns.before, rows.after, columns.after], outputPadding: [rows.more, columns.more],
  });
}

/** What to cut from, or to add behind, the full result of stride · (size − 1) + kernel so that `wanted` remain. */
function cropped(kind: number, wanted: number, size: number, kernel: number, stride: number): { before: number; after: number; more: number } {
  const full = stride * (size - 1) + kernel;
  const before = kind === same ? Math.max(0, (Math.ceil(wanted / stride) - 1) * stride + kernel - wanted) >> 1 : 0;
  const after = full - before - wanted;
  return { before, after: Math.max(0, after), more: Math.max(0, -after) };
}
