/** One model from any of its files is one graph, up to names: operators, shapes, attributes, and numbers. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readModel } from "../../converter/formats/index.ts";
import { tensorOf, type Graph } from "../../converter/ir/graph.ts";
import { optimise } from "../../converter/optimise/index.ts";
import { absent, hasShared, sharedBytes, sharedPath } from "./shared.ts";
import { beside, folder } from "./trained.ts";

const fixtures = new URL("../fixtures/pytorch/", import.meta.url);
function architectureOf(name: string): object | undefined {
  const file = new URL(`${name}.architecture.json`, fixtures);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) as object : undefined;
}

/** Constants by their sum, to the digits that orders of addition leave alone. */
function signature(graph: Graph): string[] {
  const tensor = (name: string) => {
    const { dtype, shape, data } = tensorOf(graph, name);
    return `${dtype}[${shape.join(",")}]${data ? Array.from(data).reduce((sum, v) => sum + Math.abs(v), 0).toPrecision(4) : ""}`;
  };
  return graph.nodes.map((n) => `${n.op} ${n.inputs.map((i) => i && tensor(i)).join(" ")} ${JSON.stringify(n.attributes, Object.keys(n.attributes).sort().concat("fn", "alpha", "beta"))} → ${n.outputs.map((o) => o && tensor(o)).join(" ")}`);
}

const models = ["anomaly-conv-ae", "anomaly-lstm-ae", "char-fill-bilstm", "keras-cnn-bn", "keras-lstm28", "mnist-gru", "mnist-lstm", "pm25-lstm", "seed-cnn24"];
describe.skipIf(!hasShared)(`trained models (${hasShared ? "here" : absent})`, () => {
  for (const name of hasShared ? models : []) test(name, async () => {
    const files = readdirSync(sharedPath(folder(name))).filter((f) => /^(model|state_dict).*\.(onnx|pt2|safetensors|pt|h5|keras|json)$/.test(f));
    const graphs = await Promise.all(files.map((file) => readModel(sharedBytes(`${folder(name)}/${file}`), { name: file, resolve: beside(name), ...(/safetensors|\.pt$/.test(file) && { architecture: architectureOf(name) }) })));
    const [first, ...others] = graphs.map((g) => signature(optimise(g)));
    expect(files.length).toBeGreaterThan(1);
    others.forEach((other, i) => expect(other, files[i + 1]).toEqual(first));
  });
});
