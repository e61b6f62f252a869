/** A kernel that is no operator of graphs: one call, whose operands are the inputs and outputs of a model file. */
import type { Operand, Params, Program } from "../../converter/lower/context.ts";
import { planArena } from "../../converter/plan/arena.ts";
import type { KernelName } from "../../converter/write/layout.ts";
import { writeModelFile } from "../../converter/write/model-file.ts";
import type { Build } from "../../sdk/build.ts";
import { load, type Model } from "../../targets/node/index.ts";

/** Floats by the name of their parameter. */
export type Operands = Record<string, Float32Array>;

export async function callFile(kernel: KernelName, operands: Operands, numbers: Record<string, number>): Promise<Uint8Array> {
  const names = Object.keys(operands), params: Params = { ...numbers, ...Object.fromEntries(names.map((id): [string, Operand] => [id, { kind: "tensor", id, offset: 0 }])) };
  const bytes = (name: string) => operands[name]!.byteLength, ports = names.map((tensor) => ({ tensor, dtype: "float32" as const, bytes: bytes(tensor) }));
  const program: Program = { calls: [{ kernel, params, reads: names, writes: names, node: kernel, macs: 0 }], constants: new Map(), buffers: new Map(names.map((n) => [n, bytes(n)])), aliases: new Map() };
  const arena = planArena(names.map((id) => ({ id, bytes: bytes(id), first: 0, last: 0 }))), described = names.map((name) => ({ name, shape: [operands[name]!.length], layout: "" }));
  return writeModelFile({
    program, buffers: arena.buffers, arenaBytes: arena.bytes, states: [], inputs: ports, outputs: ports, body: { first: 0, end: 1 }, scales: new Float32Array(0),
    metadata: { name: kernel, format: "test", precision: "float32", rounding: "fast", inputs: described, outputs: described, states: [], layers: [], tensors: [] },
  });
}

export async function loadCall(kernel: KernelName, operands: Operands, numbers: Record<string, number>, build: Build): Promise<Model> {
  return load(await callFile(kernel, operands, numbers), { builds: [build] });
}
