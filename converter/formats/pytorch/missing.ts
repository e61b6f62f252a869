/** What to write when a checkpoint comes without an architecture. */
import { modelError } from "../../ir/error.ts";
import type { StateDict } from "./checkpoint.ts";
import { format } from "./tensors.ts";

const shown = 60;

/** Names the tensors, so that the layers can be told from them. */
export function missingArchitecture(weights: StateDict): never {
  const names = [...weights].filter(([name]) => !name.endsWith("num_batches_tracked"));
  const lines = names.slice(0, shown).map(([name, t]) => `  ${name} [${t.shape.join(",")}]`);
  const rest = names.length > shown ? [`  … and ${names.length - shown} more`] : [];
  const list = [...lines, ...rest].join("\n"), first = example(names.map(([name, t]) => [name, t.shape] as const));
  throw modelError("ERR_OCTAVO_FORMAT", format, "file", `it holds weights without a graph, expected an architecture file beside it; its tensors are\n${list}`,
    `Pass --architecture FILE: {"inputs": {"x": [1, …]}, "layers": [${first}, …]}, see docs/architecture-file.md; ` +
    "or export the model with torch.export.save, which needs none.");
}

/** The first layer, guessed from its weights. */
function example(tensors: (readonly [string, number[]])[]): string {
  const [name = "conv1.weight", shape = [0, 0, 0, 0]] = tensors.find(([, s]) => s.length > 1) ?? tensors[0] ?? [];
  const path = name.split(".").slice(0, -1).join(".");
  const type = name.includes("weight_ih_l0") ? "LSTM" : shape.length === 4 ? "Conv2d" : shape.length === 3 ? "Conv1d" : shape.length === 2
    ? "Linear" : "BatchNorm2d";
  return `{"type": "${type}", "name": "${path}"}`;
}
