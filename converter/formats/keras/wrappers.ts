/** Layers around layers. */
import { add, affine, concat, mul, reshape, reverse, sliceAxis, transpose } from "../onnx/write.ts";
import { Config } from "./config.ts";
import { ranked, single, tensorsIn, type Layer, type LayerFunction } from "./layer.ts";
import { canJoin, cellsOf, flatState, isStateful, runLayer, sweep } from "./recurrent.ts";
import { isObject, type JsonObject } from "../wire/json.ts";

export const wrappers: Record<string, LayerFunction> = { Bidirectional: bidirectional, TimeDistributed: timeDistributed };

/** What a wrapper holds at `key`, as a layer of its own. */
function held(l: Layer, key: string, role: string, changes: JsonObject = {}): Layer {
  const json = l.config.json(key);
  if (!isObject(json) || !isObject(json.config)) return l.config.wrong(key, "a layer");
  const layer = { ...l, className: String(json.class_name), config: new Config({ ...json.config, ...changes }, l.g),
    variables: l.variables.part(role) };
  return ["LSTM", "GRU", "SimpleRNN", "RNN"].includes(layer.className) ? { ...layer, name: `${l.name}/${role}` }
    : l.g.fail(`it holds a ${layer.className}, expected LSTM, GRU, SimpleRNN or RNN`, "");
}

function bidirectional(l: Layer, inputs: string[]): string[] {
  const [x, ...others] = inputs as [string, ...string[]], initial = [...others, ...tensorsIn(l.keywords.initial_state)];
  const forward = held(l, "layer", "forward_layer");
  const opposite = { go_backwards: !forward.config.bool("go_backwards", false) };
  const backward = isObject(l.config.json("backward_layer")) ? held(l, "backward_layer", "backward_layer")
    : held(l, "layer", "backward_layer", opposite);
  if (isStateful(forward)) l.g.fail("it reads time in both directions, which a stream cannot", "Convert the model without --stateful.");
  const sequences = forward.config.bool("return_sequences", false), mask = l.context.masks.get(x);
  const outputs = joined(l, forward, backward, x, initial) ?? apart(l, forward, backward, x, initial);
  const ys = outputs.slice(0, l.config.json("merge_mode") === null ? 2 : 1);
  if (mask && sequences) for (const name of ys) l.context.masks.set(name, mask);
  return outputs;
}

/** Each direction by itself: outputs, then states. */
function apart(l: Layer, forward: Layer, backward: Layer, x: string, initial: string[]): string[] {
  const half = initial.length / 2, a = runLayer(forward, x, initial.slice(0, half)), b = runLayer(backward, x, initial.slice(half));
  const later = backward.config.bool("return_sequences", false) ? reverse(l.g, b.y, 1) : b.y;
  const wanted = forward.config.bool("return_state", false) ? [...a.states, ...b.states].map((s) => flatState(l, s)) : [];
  return [...merged(l, a.y, later), ...wanted];
}

function merged(l: Layer, a: string, b: string): string[] {
  const mode = l.config.json("merge_mode");
  if (mode === null) return [a, b];
  switch (l.config.choice("merge_mode", "concat", ["concat", "sum", "mul", "ave"])) {
    case "concat": return [concat(l.g, [a, b], l.g.shape(a).length - 1)];
    case "sum": return [add(l.g, a, b)];
    case "mul": return [mul(l.g, a, b)];
    case "ave": return [affine(l.g, add(l.g, a, b), 0.5, 0)];
  }
}

/** One operator for both directions, where they differ in nothing but their weights and run against each other. */
function joined(l: Layer, forward: Layer, backward: Layer, x: string, initial: string[]): string[] | undefined {
  if (initial.length || l.context.masks.has(x) || forward.config.bool("go_backwards", false) || !backward.config.bool("go_backwards", false)) {
    return undefined;
  }
  const [N] = ranked(l, x, 3) as [number], a = cellsOf(forward), b = cellsOf(backward), sequences = forward.config.bool("return_sequences", false);
  const H = a[0]?.hidden ?? 0;
  if (!canJoin(a, b)) return undefined;
  const { y, states } = sweep(l, [a[0]!, b[0]!], "bidirectional", transpose(l.g, x, [1, 0, 2]), [], sequences);
  const last = (d: number) => states.map((s) => reshape(l.g, sliceAxis(l.g, s, 0, d, 1), [N, H]));
  const wanted = forward.config.bool("return_state", false) ? [...last(0), ...last(1)] : [];
  if (l.config.json("merge_mode") !== null && l.config.string("merge_mode", "concat") === "concat") {
    return [sequences ? sideBySide(l, y) : lastSideBySide(l, states[0]!), ...wanted];
  }
  const one = (d: number) => (sequences ? transpose(l.g, reshape(l.g, sliceAxis(l.g, y, 1, d, 1), [l.g.shape(y)[0]!, N, H]), [1, 0, 2])
    : last(d)[0]!);
  return [...merged(l, one(0), one(1)), ...wanted];
}

/** y [T,2,N,H] → [N,T,2H] */
function sideBySide(l: Layer, y: string): string {
  const [T, D, N, H] = l.g.shape(y) as [number, number, number, number];
  return reshape(l.g, transpose(l.g, y, [2, 0, 1, 3]), [N, T, D * H]);
}

/** h [2,N,H] → [N,2H] */
function lastSideBySide(l: Layer, h: string): string {
  const [D, N, H] = l.g.shape(h) as [number, number, number];
  return reshape(l.g, transpose(l.g, h, [1, 0, 2]), [N, D * H]);
}

/** The layer sees every step as a sample of its own: [N,T,…] → [N·T,…] and back. A dense layer needs no such detour. */
function timeDistributed(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), [N, T, ...rest] = l.g.shape(x) as [number, number, ...number[]], json = l.config.json("layer");
  if (!isObject(json) || T === undefined) return l.config.wrong("layer", "a layer over [N,T,…]");
  if (json.class_name === "Dense") return l.inner(json, "layer", [x])[0]!;
  const [y] = l.inner(json, "layer", [reshape(l.g, x, [N * T, ...rest])]) as [string];
  return reshape(l.g, y, [N, T, ...l.g.shape(y).slice(1)]);
}
