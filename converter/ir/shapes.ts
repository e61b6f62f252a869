/** What the shape rules of operators are made of. */
import { OctavoError } from "./error.ts";
import type { Tensor } from "./graph.ts";

export type Result = Pick<Tensor, "dtype" | "shape">;
/** Absent optional inputs are undefined. */
export type Inputs = (Tensor | undefined)[];
export interface OpRule<A> {
  /** Fewest and most inputs. */
  inputs: [number, number];
  /** Shapes and dtypes of the outputs, in order. */
  infer: (attributes: A, inputs: Inputs) => Result[];
}

/** Window geometry of spatial operators: [height, width]; pad is [top, left, bottom, right]. */
export interface Window { stride: number[]; dilation: number[]; pad: number[] }

export const fail = (problem: string): never => { throw new OctavoError("ERR_OCTAVO_SHAPE", problem); };
export const show = (shape: readonly number[]): string => `[${shape.join(",")}]`;

/** Positions of a window along one axis of `size`, padding included. */
export const windowsIn = (size: number, kernel: number, stride: number, dilation: number, before: number, after: number): number =>
  Math.floor((size + before + after - (dilation * (kernel - 1) + 1)) / stride) + 1;

/** Height and width of what windows over x [N,H,W,C] give. */
export function spatial(x: Pick<Tensor, "shape">, kernel: readonly number[], a: Window): [number, number] {
  if (x.shape.length !== 4) fail(`input has shape ${show(x.shape)}, expected [N,H,W,C]`);
  const [, H, W] = x.shape as [number, number, number, number];
  const [top, left, bottom, right] = a.pad as [number, number, number, number];
  const oh = windowsIn(H, kernel[0]!, a.stride[0]!, a.dilation[0]!, top, bottom);
  const ow = windowsIn(W, kernel[1]!, a.stride[1]!, a.dilation[1]!, left, right);
  if (oh < 1 || ow < 1) fail(`a window of ${show(kernel)} does not fit into ${show(x.shape)} with padding ${show(a.pad)}`);
  return [oh, ow];
}
