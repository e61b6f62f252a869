/** What a function in a functional model is called with: among the arguments, by keyword, or in its configuration. */
import { flatNumbers, isObject, type Json } from "../wire/json.ts";
import { constant, scalar } from "../onnx/write.ts";
import { tensorsIn, type Layer, type Operand } from "./layer.ts";

/** Argument `index`, by keyword, or from the configuration. */
const argument = (l: Layer, index: number, name: string): Operand | undefined => l.operands[index] ?? l.keywords[name]
  ?? (l.config.json(name) === undefined ? undefined : { value: l.config.json(name)! });

/** An argument as a tensor; numbers and lists of them become constants. */
export function tensor(l: Layer, index: number, name: string): string {
  const operand = argument(l, index, name) ?? l.keywords[["x", "y"][index] ?? name], [first] = tensorsIn(operand);
  return first ?? constantIn(l, operand) ?? l.g.fail(`argument ${index} is missing or no tensor`, "Use layers instead of functions here.");
}

/** A number, or `{ class_name: "__tensor__", config: { value, dtype } }` with its values in nested lists. */
function constantIn(l: Layer, operand: Operand | undefined): string | undefined {
  if (!operand || Array.isArray(operand) || !("value" in operand)) return undefined;
  if (typeof operand.value === "number") return scalar(l.g, operand.value);
  const { class_name: kind, config } = isObject(operand.value) ? operand.value : {};
  if ((kind !== "__tensor__" && kind !== "__numpy__") || !isObject(config)) return undefined;
  const values = flatNumbers(config.value), shape = shapeOf(config.value);
  return values && shape.reduce((n, d) => n * d, 1) === values.length ? constant(l.g, `${l.name}/constant`, "float32", values, shape) : undefined;
}

const shapeOf = (json: Json | undefined): number[] => (Array.isArray(json) ? [json.length, ...shapeOf(json[0])] : []);

/** An argument as plain values. */
export function setting(l: Layer, index: number, name: string): Json | undefined {
  const plain = (operand: Operand): Json =>
    (Array.isArray(operand) ? operand.map(plain) : "value" in operand ? operand.value
      : l.g.fail(`${name} is computed, expected a fixed value`, "Use a constant."));
  const operand = l.keywords[name] ?? l.operands[index];
  return l.config.json(name) ?? (operand === undefined ? undefined : plain(operand));
}

/** A setting that is a number. */
export function number(l: Layer, index: number, name: string, otherwise: number): number {
  const value = setting(l, index, name) ?? otherwise;
  return typeof value === "number" ? value : l.g.fail(`${name} is ${JSON.stringify(value)}, expected a number`, "Use a constant.");
}

/** Whole numbers; one stands for a list of one. */
export function numbers(l: Layer, json: Json | undefined): number[] {
  const values = Array.isArray(json) ? json : [json];
  return values.every((v) => Number.isInteger(v)) ? (values as number[])
    : l.g.fail(`found ${JSON.stringify(json)}, expected whole numbers`, "Use fixed shapes and axes.");
}

/** Arguments that come as a list of tensors. */
export function tensorList(l: Layer, name: string): string[] {
  const parts = tensorsIn(l.operands[0] ?? l.keywords[name]);
  return parts.length ? parts : l.g.fail("it has no inputs", "", "ERR_OCTAVO_FORMAT");
}
