/** Each operand of every operator of training at the last address that its check accepts: nothing is written behind the memory of the model. */
import { expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { sizeOf } from "../../converter/ir/graph.ts";
import { layouts } from "../../converter/write/layout.ts";
import { load, type Model, type Values } from "../../targets/node/index.ts";
import type { Build } from "../../sdk/build.ts";
import { random } from "../kernels/random.ts";
import { operatorCases, type OperatorCase } from "./operators.ts";
import { builds, oneNode } from "./run.ts";

/** Words of the header, docs/model-file.md. */
const BASE = 5, END = 8, PROGRAMS = 12, CALL_BYTES = 8;
const viewOf = (model: Uint8Array) => new DataView(model.buffer, model.byteOffset);

/** Offsets in the file of all addresses that the calls of the one program get. */
function addressesIn(model: Uint8Array, kernels: (keyof typeof layouts)[]): number[] {
  const view = viewOf(model), base = view.getUint32(4 * BASE, true), calls = view.getUint32(view.getUint32(4 * PROGRAMS, true) + 16 + 4, true) - base;
  return kernels.flatMap((kernel, i) => {
    const struct = view.getUint32(calls + CALL_BYTES * i + 4, true) - base;
    return layouts[kernel].flatMap(([, type], field) => (type === "ptr" && view.getUint32(struct + 4 * field, true) ? [struct + 4 * field] : []));
  });
}

async function withAddress(model: Uint8Array, at: number, address: number, build: Build): Promise<Model | undefined> {
  const bytes = model.slice();
  viewOf(bytes).setUint32(at, address, true);
  return load(bytes, { builds: [build], integrity: false }).catch(() => undefined);
}

/** The model with the greatest address there that loads. */
async function atTheEdge(model: Uint8Array, at: number, build: Build): Promise<Model> {
  let accepted = viewOf(model).getUint32(at, true), refused = viewOf(model).getUint32(4 * END, true) + 1;
  while (refused - accepted > 1) {
    const middle = Math.floor((accepted + refused) / 2);
    if (await withAddress(model, at, middle, build)) accepted = middle;
    else refused = middle;
  }
  return (await withAddress(model, at, accepted, build))!;
}

async function behindEnd({ op, shapes, attributes, outputs }: OperatorCase, build: Build): Promise<number[]> {
  const r = random(1), { graph, inputs } = oneNode(op, shapes.map((shape) => ({ shape, data: r.floats(sizeOf(shape)) })), attributes, { outputs });
  const { model, program } = await compile(graph), end = viewOf(model).getUint32(4 * END, true), written: number[] = [];
  for (const at of addressesIn(model, program.calls.map((c) => c.kernel))) {
    const loaded = await atTheEdge(model, at, build), { memory } = (loaded as unknown as { exports: { memory: WebAssembly.Memory } }).exports;
    loaded.run(Object.fromEntries(inputs) as Record<string, Values>);
    if (new Uint8Array(memory.buffer).subarray(end).some((byte) => byte !== 0)) written.push(at);
  }
  return written;
}

test.each(operatorCases.map((k) => [k.name, k] as const))("%s", async (_, k) => {
  for (const build of builds) expect(await behindEnd(k, build), build.name).toEqual([]);
});
