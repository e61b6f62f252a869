/** The JSON schema of architecture files, made from the table of modules; architecture.schema.json is its text. */
import type { JsonObject } from "../wire/json.ts";
import { modules, optionalSettings, withoutEffect, type Module } from "./modules.ts";

const integers: JsonObject = { anyOf: [{ type: "integer" }, { type: "array", items: { type: "integer" } }] };
const names: JsonObject = { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] };
const kinds: Record<string, JsonObject> = {
  padding: { anyOf: [{ $ref: "#/$defs/integers" }, { enum: ["same", "valid"] }] }, align_corners: { type: "boolean" },
  bidirectional: { type: "boolean" }, batch_first: { type: "boolean" }, ceil_mode: { type: "boolean" },
  count_include_pad: { type: "boolean" }, keepdim: { type: "boolean" }, nonlinearity: { enum: ["tanh", "relu"] },
  approximate: { enum: ["none", "tanh"] }, mode: { type: "string" },
  scale_factor: { anyOf: [{ type: "number" }, { type: "array", items: { type: "number" } }] },
};
const real = ["eps", "dropout", "negative_slope", "alpha", "min_val", "max_val", "beta", "threshold", "value", "min", "max", "other"];

const settingOf = (key: string): JsonObject => kinds[key] ?? (real.includes(key) ? { type: "number" } : { $ref: "#/$defs/integers" });
const each = (keys: string[], of: (key: string) => JsonObject): JsonObject => Object.fromEntries(keys.map((key) => [key, of(key)]));

function layerOf(type: string, module: Module): JsonObject {
  const properties = {
    type: { const: type }, name: { type: "string" }, inputs: { $ref: "#/$defs/names" },
    ...each([...Object.keys(module.settings), ...Object.keys(module.sizes)], settingOf),
    ...Object.fromEntries(Object.entries(module.only).map(([key, value]) => [key, { enum: value === null ? [null] : [value, null] }])),
    ...each(withoutEffect, () => ({})),
  };
  return { properties, required: ["type",
    ...Object.keys(module.settings).filter((key) => module.settings[key] === null && !optionalSettings.includes(key))], additionalProperties: false };
}

const group = (type: string, extra: JsonObject): JsonObject =>
  ({ properties: { type: { const: type }, name: { type: "string" }, inputs: { $ref: "#/$defs/names" }, layers: { $ref: "#/$defs/layers" },
    ...extra }, required: ["type", "layers"], additionalProperties: false });

export const architectureSchema = (): JsonObject => ({
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Octavo architecture file",
  description: "torch.nn modules in order, with skips, for weights that come without a graph. See docs/architecture-file.md.",
  type: "object",
  properties: {
    $schema: { type: "string" }, name: { type: "string" }, layers: { $ref: "#/$defs/layers" }, outputs: { $ref: "#/$defs/names" }, init: { enum: ["pytorch", "keras"] },
    ignore: { type: "array", items: { type: "string" } },
    inputs: { type: "object", minProperties: 1,
      additionalProperties: { anyOf: [{ $ref: "#/$defs/shape" },
        { type: "object", properties: { shape: { $ref: "#/$defs/shape" }, dtype: { type: "string" } }, required: ["shape"],
          additionalProperties: false }] } },
  },
  required: ["inputs", "layers"],
  additionalProperties: false,
  $defs: {
    integers, names, shape: { type: "array", items: { type: "integer", minimum: 1 } },
    layers: { type: "array", minItems: 1, items: { $ref: "#/$defs/layer" } },
    layer: { type: "object", oneOf: [group("Sequential", {}), group("Residual", { shortcut: { $ref: "#/$defs/layers" } }),
      ...Object.entries(modules).map(([type, module]) => layerOf(type, module))] },
  },
});

/** One layer per line. */
export function schemaText(): string {
  const schema = architectureSchema(), defs = schema.$defs as JsonObject, layer = defs.layer as { oneOf: JsonObject[] };
  const lines = layer.oneOf.map((l) => `        ${JSON.stringify(l)}`).join(",\n");
  const rest = JSON.stringify({ ...schema, $defs: { ...defs, layer: { type: "object", oneOf: ["LAYERS"] } } }, null, 2);
  return `${rest.replace(/\[\s*"LAYERS"\s*\]/, () => `[\n${lines}\n      ]`)}\n`;
}
