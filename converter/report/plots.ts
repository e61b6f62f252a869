/** Plots of a report as SVG text, drawn by Observable Plot into a document of linkedom: no browser, no network. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { bytesText, countText, decibelText, microsText, shorten } from "./text.ts";
import type { LayerReport, MemoryReport, Report } from "./report.ts";

/** Pixels; the page shows one of them by the width of its window. */
export const widths = { wide: 920, narrow: 350 } as const;
export type Width = keyof typeof widths;

/** Layers from here down deserve a look: an error of a tenth of the signal. */
export const POOR_DECIBELS = 20;
/** SQNR is drawn up to here: beyond it int8 and float are the same for any purpose. */
const BEST_DECIBELS = 60;

const ROW = 17, LABEL = { wide: 230, narrow: 118 }, LETTERS = { wide: 34, narrow: 17 };
const ink = { int8: "var(--int8)", float: "var(--float)", poor: "var(--poor)", quiet: "var(--quiet)", line: "var(--line)" };

/** One row per layer; `i` keeps rows apart whose names are equal. */
interface Row { i: number; layer: LayerReport }

const byPrecision = ({ layer }: Row) => (layer.precision === "float32" ? ink.float : layer.precision ? ink.int8 : ink.quiet);
const rowsOf = (layers: readonly LayerReport[]): Row[] => layers.map((layer, i) => ({ i, layer }));

function draw(options: Plot.PlotOptions, width: Width, label: string): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const figure = Plot.plot({ document: document as unknown as Document, width: widths[width], style: { background: "none", color: "inherit", overflow: "visible" }, ...options });
  figure.setAttribute("role", "img");
  figure.setAttribute("aria-label", label);
  return figure.outerHTML;
}

/** A horizontal chart with one row per layer. */
function perLayer(rows: readonly Row[], width: Width, label: string, options: Plot.PlotOptions): string {
  const y: Plot.ScaleOptions = { type: "band", domain: rows.map((r) => r.i), tickFormat: (i: number) => shorten(rows.find((r) => r.i === i)!.layer.name, LETTERS[width]), tickSize: 0, label: null, padding: 0.25 };
  return draw({ marginLeft: LABEL[width], marginRight: 56, marginTop: 34, marginBottom: 8, height: 42 + rows.length * ROW, ...options, y }, width, label);
}

/** Bars from the source file to the model file. */
export function sizePlot({ source, model }: Report, width: Width): string {
  const bars = [{ file: `source (${source.format})`, bytes: source.bytes, fill: ink.quiet }, { file: ".octavo", bytes: model.bytes, fill: ink.int8 }];
  return draw({
    marginLeft: 110, marginRight: 90, height: 90, x: { axis: null, domain: [0, Math.max(source.bytes, model.bytes)] }, y: { label: null, tickSize: 0, domain: bars.map((b) => b.file) },
    marks: [
      Plot.barX(bars, { y: "file", x: "bytes", fill: "fill", rx: 3 }),
      Plot.text(bars, { y: "file", x: "bytes", text: (b: { bytes: number }) => bytesText(b.bytes), textAnchor: "start", dx: 6, fill: "currentColor" }),
    ],
  }, width, "Bytes of the source file and of the model file");
}

/** SQNR of every compared layer. */
export function errorPlot(layers: readonly LayerReport[], width: Width): string {
  const rows = rowsOf(layers).filter((r) => r.layer.error), shown = (r: Row) => Math.max(0, Math.min(BEST_DECIBELS, r.layer.error!.sqnr));
  const tip = ({ layer }: Row) => `${layer.name} (${layer.op})\nSQNR ${decibelText(layer.error!.sqnr)}\nlargest error ${layer.error!.largest.toPrecision(3)}\nmean error ${layer.error!.mean.toPrecision(3)}\nsaturated ${(100 * layer.error!.saturated).toFixed(2)} %`;
  return perLayer(rows, width, "Signal to quantization noise ratio of every layer", {
    x: { axis: "top", domain: [0, BEST_DECIBELS], label: "SQNR, dB (more is better)", ticks: width === "wide" ? 7 : 4, grid: true },
    marks: [
      Plot.barX(rows, { y: "i", x: shown, fill: (r: Row) => (r.layer.error!.sqnr < POOR_DECIBELS ? ink.poor : byPrecision(r)), title: tip, rx: 2 }),
      Plot.text(rows, { y: "i", x: shown, text: (r: Row) => decibelText(r.layer.error!.sqnr), textAnchor: "start", dx: 5, fill: "currentColor" }),
      Plot.ruleX([POOR_DECIBELS], { stroke: ink.poor, strokeDasharray: "3 3" }),
    ],
  });
}

interface Span { i: number; name: string; range?: [number, number]; grid?: [number, number] }

/** The reals that the integers of a tensor stand for. */
function gridOf(t: LayerReport["outputs"][number]): [number, number] | undefined {
  if (t.scale === undefined || t.zeroPoint === undefined) return undefined;
  const limits: Record<string, [number, number]> = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767] };
  const { scale, zeroPoint } = t, [low, high] = limits[t.dtype] ?? [0, 0];
  return [scale * (low - zeroPoint), scale * (high - zeroPoint)];
}

const spansOf = (layers: readonly LayerReport[]): Span[] => layers.flatMap((layer, i) => {
  const t = layer.outputs[0], grid = t && gridOf(t);
  return t && (t.range || grid) ? [{ i, name: layer.name, ...(t.range && { range: t.range }), ...(grid && { grid }) }] : [];
});

/** 0 and ±powers of ten from the order of `unit` up to the values: what a symmetric logarithm has room for. */
function decades(values: readonly number[], unit: number): number[] {
  const first = Math.round(Math.log10(unit || 1)), last = Math.floor(Math.log10(Math.max(...values.map(Math.abs), 1e-12)));
  const powers = Array.from({ length: Math.max(1, last - first + 1) }, (_, i) => 10 ** (first + i)), [low, high] = [Math.min(...values), Math.max(...values)];
  return [...powers.map((p) => -p), 0, ...powers].filter((v) => v >= low && v <= high);
}

/** Values seen in calibration against the values that the integers reach. */
export function rangePlot(layers: readonly LayerReport[], width: Width): string {
  const spans = spansOf(layers), ends = spans.flatMap((s) => [...(s.range ?? []), ...(s.grid ?? [])]);
  const rows = spans.map((s) => ({ i: s.i, layer: layers[s.i]! })), most = Math.max(...ends.map(Math.abs)), median = ends.map(Math.abs).sort((a, b) => a - b)[ends.length >> 1] ?? 1;
  const skewed = most > 20 * median;
  const tip = (s: Span) => `${s.name}\n${s.range ? `seen ${pair(s.range)}` : "not measured"}${s.grid ? `\nint8 reaches ${pair(s.grid)}` : ""}`;
  const bar = (key: "range" | "grid", options: Plot.BarXOptions) => Plot.barX(spans.filter((s) => s[key]), { y: "i", x1: (s: Span) => s[key]![0], x2: (s: Span) => s[key]![1], title: tip, rx: 2, ...options });
  return perLayer(rows, width, "Value range of every layer", {
    x: { axis: "top", type: skewed ? "symlog" : "linear", ...(skewed && { constant: median / 4 || 1 }), label: skewed ? "value (symmetric logarithm)" : "value", ticks: skewed ? decades(spans.flatMap((s) => [...(s.range ?? []), ...(s.grid ?? [])]), median) : width === "wide" ? 8 : 4, grid: true, tickFormat: (v: number) => String(Number(v.toPrecision(3))), nice: true },
    marks: [
      bar("grid", { fill: ink.quiet, fillOpacity: 0.35 }),
      bar("range", { fill: ink.int8, insetTop: 4, insetBottom: 4 }),
      Plot.ruleX([0], { stroke: "currentColor", strokeOpacity: 0.5 }),
    ],
  });
}

const pair = ([low, high]: [number, number]) => `${Number(low.toPrecision(4))} … ${Number(high.toPrecision(4))}`;

/** Every tensor's bytes over time: a rectangle from its first to its last layer. */
export function memoryPlot({ arenaBytes, largestLive, blocks }: MemoryReport, layers: readonly LayerReport[], width: Width): string {
  const kb = (bytes: number) => bytes / 1024, last = Math.max(1, layers.length);
  const tip = (b: MemoryReport["blocks"][number]) => `${b.name}\n${bytesText(b.bytes)} at ${bytesText(b.address)}\n${layers[Math.max(0, b.first)]?.name ?? ""} … ${layers[Math.min(layers.length - 1, b.last)]?.name ?? ""}`;
  const labelled = blocks.filter((b) => width === "wide" && (b.last - b.first + 1) / last > 0.09 && b.bytes / arenaBytes > 0.06);
  return draw({
    marginLeft: 48, marginRight: width === "wide" ? 120 : 20, marginTop: 22, marginBottom: 38, height: width === "wide" ? 380 : 300,
    x: { label: "layer, in order of execution →", domain: [-0.5, last - 0.5], ticks: Math.min(last, width === "wide" ? 12 : 5), tickFormat: (v: number) => (Number.isInteger(v) ? String(v + 1) : "") },
    y: { label: "↑ address, KB", domain: [0, kb(arenaBytes) || 1], grid: true },
    marks: [
      Plot.rect(blocks, { x1: (b) => Math.max(-0.5, b.first - 0.5), x2: (b) => Math.min(last - 0.5, b.last + 0.5), y1: (b) => kb(b.address), y2: (b) => kb(b.address + b.bytes), fill: (b) => (b.name.startsWith("scratch") ? ink.quiet : ink.int8), fillOpacity: 0.75, stroke: "var(--page)", strokeWidth: 1, rx: 2, title: tip }),
      Plot.text(labelled, { x: (b) => (Math.max(0, b.first) + Math.min(last - 1, b.last)) / 2, y: (b) => kb(b.address + b.bytes / 2), text: (b) => shorten(b.name, Math.floor(((b.last - b.first + 1) / last) * 110)), fill: (b) => (b.name.startsWith("scratch") ? "currentColor" : "var(--onbar)") }),
      Plot.ruleY([kb(largestLive)], { stroke: ink.poor, strokeDasharray: "4 3" }),
      Plot.text(width === "wide" ? [kb(largestLive)] : [], { x: last - 0.5, y: (v) => v, text: () => "least possible", textAnchor: "start", dx: 6, fill: ink.poor }),
    ],
  }, width, "Memory plan: address of every tensor over the layers");
}

/** Multiply-accumulates of every layer that has any. */
export function macPlot(layers: readonly LayerReport[], width: Width): string {
  const rows = rowsOf(layers).filter((r) => r.layer.macs > 0), most = Math.max(...rows.map((r) => r.layer.macs));
  return perLayer(rows, width, "Multiply-accumulates of every layer", {
    marginTop: 4, height: 12 + rows.length * ROW,
    x: { axis: null, domain: [0, most] },
    marks: [
      Plot.barX(rows, { y: "i", x: (r: Row) => r.layer.macs, fill: byPrecision, rx: 2, title: (r: Row) => `${r.layer.name} (${r.layer.kernel})\n${countText(r.layer.macs)} MACs` }),
      Plot.text(rows, { y: "i", x: (r: Row) => r.layer.macs, text: (r: Row) => countText(r.layer.macs), textAnchor: "start", dx: 5, fill: "currentColor" }),
    ],
  });
}

/** Measured time of every layer. */
export function timePlot(layers: readonly LayerReport[], width: Width): string {
  const rows = rowsOf(layers).filter((r) => r.layer.microseconds !== undefined), most = Math.max(...rows.map((r) => r.layer.microseconds!));
  const tip = ({ layer }: Row) => `${layer.name} (${layer.kernel})\n${microsText(layer.microseconds!)}${layer.macs ? `\n${(layer.macs / layer.microseconds! / 1e3).toFixed(2)} GMAC/s` : ""}`;
  return perLayer(rows, width, "Time of every layer", {
    marginTop: 4, height: 12 + rows.length * ROW,
    x: { axis: null, domain: [0, most] },
    marks: [
      Plot.barX(rows, { y: "i", x: (r: Row) => r.layer.microseconds!, fill: byPrecision, rx: 2, title: tip }),
      Plot.text(rows, { y: "i", x: (r: Row) => r.layer.microseconds!, text: (r: Row) => microsText(r.layer.microseconds!), textAnchor: "start", dx: 5, fill: "currentColor" }),
    ],
  });
}
