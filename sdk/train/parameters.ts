/** Trainable tensors by name. */
import { OctavoError } from "../errors.ts";
import type { TrainingInfo } from "./info.ts";

/** A copy, in the order of the graph: [O,KH,KW,C/groups] of convolutions, [O,I] of dense layers. */
export interface Parameter { shape: number[]; data: Float32Array }

export const copyOf = ({ parameters }: TrainingInfo, floats: Float32Array): Record<string, Parameter> =>
  Object.fromEntries(parameters.map(({ name, shape, at, size }) => [name, { shape, data: floats.slice(at, at + size) }]));

export function setAll({ parameters }: TrainingInfo, floats: Float32Array, values: Record<string, ArrayLike<number>>): void {
  const places = Object.entries(values).map(([name, data]) => {
    const place = parameters.find((p) => p.name === name), refuse = (problem: string): never => { throw new OctavoError("ERR_OCTAVO_SHAPE", `setParameters: ${problem}`); };
    if (!place) return refuse(`no parameter "${name}", the file trains ${parameters.map((p) => p.name).join(", ")}.`);
    if (data.length !== place.size) return refuse(`"${name}" has ${data.length} values, expected ${place.size} (shape [${place.shape.join(",")}]).`);
    const odd = Array.prototype.findIndex.call(data, (v) => !Number.isFinite(v));
    return odd < 0 ? { data, at: place.at } : refuse(`"${name}" holds ${data[odd]} at ${odd}, expected finite numbers.`);
  });
  for (const { data, at } of places) floats.set(data, at);
}
