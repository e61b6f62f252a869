/** A Keras model up to the layers that the caller names: layers behind them are not looked at. */
import { endsOf } from "../cut.ts";
import { callRefs, type KerasModel } from "./model.ts";

/** Of a Sequential, all up to the last one named. */
export function endingAt(model: KerasModel, format: string, cut: readonly string[] | undefined): KerasModel {
  if (!cut) return model;
  const layers = new Map(model.layers.map((l) => [l.name, l])), ends = endsOf(format, cut, (name) => (layers.has(name) ? [name] : []));
  if (model.sequential) return { ...model, layers: model.layers.slice(0, 1 + model.layers.findLastIndex((l) => ends.includes(l.name))) };
  const needed = new Set([...ends, ...model.inputs.map((r) => r.layer)]);
  for (const name of needed) for (const call of layers.get(name)!.calls) for (const ref of callRefs(call)) needed.add(ref.layer);
  return { ...model, layers: model.layers.filter((l) => needed.has(l.name)), outputs: ends.map((layer) => ({ layer, call: 0, tensor: 0 })) };
}
