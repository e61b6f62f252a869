/** `octavo inspect FILE`: a model file or a source model. */
import type { Command } from "commander";
import type { Graph } from "../../converter/ir/graph.ts";
import type { LayerReport, PortReport, Report } from "../../converter/report/report.ts";
import { parseModelFile, verifyIntegrity, type Metadata, type ModelFile } from "../../sdk/model-file.ts";
import { ABI } from "../../sdk/load.ts";
import { OctavoError } from "../../sdk/errors.ts";
import { readBytes } from "./files.ts";
import { isModelFile } from "./open.ts";
import { convertOptions, withSource, type SourceOptions } from "./source.ts";
import { bytesText, countText, shapeText, shorten, table, terminal, withSpeech, type SpeechOptions } from "./terminal.ts";

export function define(command: Command): void {
  command.argument("<FILE>", "an .octavo file or a source model");
  withSpeech(withSource(command)).action(async (file: string, options: SourceOptions & SpeechOptions) => {
    const bytes = await readBytes(file), { object, text } = isModelFile(bytes) ? await inspectModelFile(bytes) : await inspectSource(bytes, file, options);
    terminal(options).answer(object, text);
  });
}

interface Inspection { object: object; text: string }
type Extra = { arena?: { bytes: number; largestLive: number }; states?: { name: string; shape: number[] }[] };

async function inspectModelFile(bytes: Uint8Array): Promise<Inspection> {
  const file = parseModelFile(bytes, ABI);
  await verifyIntegrity(bytes);
  const meta = file.metadata as Metadata & Extra, inputs = portsOf(file, "input"), outputs = portsOf(file, "output"), macs = meta.layers.reduce((n, l) => n + l.macs, 0);
  const object = {
    kind: "model file", name: meta.name, format: meta.format, precision: meta.precision, rounding: meta.rounding, inputs, outputs, states: meta.states ?? [],
    fileBytes: bytes.length, weightBytes: file.weightBytes, arenaBytes: file.arenaBytes, largestLiveBytes: meta.arena?.largestLive, stateBytes: file.stateBytes, memoryBytes: file.memoryBytes,
    trainingBytes: 0, macs, layers: meta.layers, ...(meta.classes && { classes: meta.classes }), ...(meta.licence && { licence: meta.licence }), unsupported: [],
  };
  const over = meta.arena?.largestLive ? `, ${((100 * file.arenaBytes) / meta.arena.largestLive - 100).toFixed(1)} % above the least possible` : "";
  const text = [
    `${meta.name || "model"}: ${meta.precision}, ${meta.rounding} rounding, from ${meta.format}`, portText(inputs, outputs),
    `file ${bytesText(bytes.length)}, weights and parameters ${bytesText(file.weightBytes)}, arena ${bytesText(file.arenaBytes)}${over}, states ${bytesText(file.stateBytes)}, memory in all ${bytesText(file.memoryBytes)}`,
    `${countText(macs)} multiply-accumulates in ${meta.layers.length} kernel calls`, "",
    table([["#", "layer", "operator", "kernel", "MACs"], ...meta.layers.map((l, i) => [i + 1, shorten(l.name, 48), l.op, l.kernel, l.macs ? countText(l.macs) : "-"])]),
  ].join("\n");
  return { object, text };
}

interface PortLine extends PortReport { rawDtype?: string; scale?: number; zeroPoint?: number }

function portsOf(file: ModelFile, kind: "input" | "output"): PortLine[] {
  const infos = kind === "input" ? file.metadata.inputs : file.metadata.outputs;
  return file.ports.filter((p) => p.kind === kind).map((p, i) => {
    const { name = "", shape = [], layout = "" } = infos[i] ?? {};
    return { name, shape, layout, dtype: p.dtype, ...(p.raw && { rawDtype: p.raw.dtype, scale: p.raw.scale, zeroPoint: p.raw.zeroPoint }) };
  });
}

function portText(inputs: readonly PortLine[], outputs: readonly PortLine[]): string {
  const integers = (p: PortLine) => (p.rawDtype && p.rawDtype !== p.dtype ? `${p.rawDtype}, scale ${p.scale!.toPrecision(6)}, zero point ${p.zeroPoint}` : "");
  const row = (side: string) => (p: PortLine) => [side, p.name, shapeText(p.shape), p.dtype, p.layout, integers(p)];
  return table([["", "name", "shape", "type", "layout", "integers inside"], ...inputs.map(row("in")), ...outputs.map(row("out"))]);
}

/** Reads and compiles in float32 to count; what cannot be read or has no kernel is listed, and the rest described. */
async function inspectSource(bytes: Uint8Array, path: string, options: SourceOptions): Promise<Inspection> {
  const { convert, readModel } = await import("../../converter/index.ts"), unsupported = new Set<string>();
  const settings = { ...await convertOptions(path, options), refused: (e: OctavoError) => { unsupported.add(e.message); } };
  const graph = await readModel(bytes, settings);
  const report = graph.outputs.length ? await convert(bytes, { ...settings, precision: "float32" }).then((c) => c.report, (e: unknown) => {
    if (!(e instanceof OctavoError) || (e.code !== "ERR_OCTAVO_OPERATOR" && !unsupported.size)) throw e;
    unsupported.add(e.message);
  }) : undefined;
  return describeSource(graph, bytes.length, report ?? undefined, [...unsupported]);
}

type SourceLayer = Pick<LayerReport, "name" | "op" | "kernel" | "macs"> & { weightBytes?: number; outputs: { name: string; shape: number[] }[] };

function describeSource(graph: Graph, fileBytes: number, report: Report | undefined, unsupported: string[]): Inspection {
  const ports = (names: readonly string[]): PortLine[] => names.map((name) => ({ name, shape: graph.tensors.get(name)!.shape, dtype: graph.tensors.get(name)!.dtype, layout: graph.layouts[name] ?? "" }));
  const inputs = ports(graph.inputs), outputs = ports(graph.outputs), operators = count(graph.nodes.map((n) => n.op));
  const layers: SourceLayer[] = report?.layers ?? graph.nodes.map(({ name, op, outputs: [y] }) => ({ name, op, kernel: "", macs: 0, outputs: y ? [{ name: y, shape: graph.tensors.get(y)!.shape }] : [] }));
  const object = {
    kind: "source model", name: graph.name, format: graph.format, inputs, outputs, fileBytes, operators, layers, unsupported,
    ...(report && { parameters: report.source.parameters, macs: report.model.macs, weightBytes: report.model.weightBytes, arenaBytes: report.memory.arenaBytes, trainingBytes: 0 }),
  };
  const rows = layers.map((l, i) => [i + 1, shorten(l.name, 48), l.op, l.outputs[0] ? shapeText(l.outputs[0].shape) : "-", l.macs ? countText(l.macs) : "-", weights(l)]);
  const text = [
    `${graph.name || "model"}: ${graph.format}, ${bytesText(fileBytes)}`, portText(inputs, outputs),
    ...(report ? [`${countText(report.source.parameters)} parameters, ${countText(report.model.macs)} multiply-accumulates; in float32: weights ${bytesText(report.model.weightBytes)}, arena ${bytesText(report.memory.arenaBytes)}`] : []),
    `operators: ${Object.entries(operators).map(([op, n]) => `${op} ${n}`).join(", ")}`,
    ...(unsupported.length ? ["it cannot be converted: this is what is left of it without what is", ...unsupported.map((u) => `  unsupported: ${u}`)] : ["all operators are supported"]), "",
    table([["#", "layer", "operator", "output", "MACs", "weights"], ...rows]),
  ].join("\n");
  return { object, text };
}

const weights = (layer: SourceLayer) => (layer.weightBytes ? bytesText(layer.weightBytes) : "-");

function count(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
