/** Charts of the page, drawn by Observable Plot into a document of linkedom; readable on light and dark pages. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Run } from "../peers/run.ts";
import { millisecondsOf } from "./ratios.ts";

interface Point { engine: string; model: string; macs: number; ms: number }
export interface Model { name: string; macs: number }

const PAGE = "#ffffff", INK = "#1b1f24", SOFT = "#d9dee4";
/** Ours in blues, XNNPACK in oranges, ONNX Runtime in greys: told apart by shape too. */
const engines: Record<string, { colour: string; symbol: Plot.SymbolType }> = {
  "Octavo simd, int8": { colour: "#2f6fdb", symbol: "circle" }, "Octavo relaxed, int8": { colour: "#12346f", symbol: "diamond2" }, "Octavo relaxed, 7-bit weights": { colour: "#5aa9ff", symbol: "star" },
  "LiteRT.js, int8": { colour: "#c9781a", symbol: "square" }, "tfjs-tflite, int8": { colour: "#8f4d00", symbol: "triangle" },
  "onnxruntime-web, int8": { colour: "#7b8694", symbol: "cross" }, "onnxruntime-web, float": { colour: "#3f4750", symbol: "times" },
};

const pointsOf = (models: readonly Model[], { timings }: Run): Point[] => models.flatMap(({ name: model, macs }) => Object.keys(engines).flatMap((engine) => {
  const forms = engine === "onnxruntime-web, int8" ? [engine, "onnxruntime-web, uint8", "onnxruntime-web, int8 LSTM"] : [engine];
  const ms = Math.min(...forms.map((form) => millisecondsOf(timings[model], form) ?? Infinity));
  return Number.isFinite(ms) ? [{ engine, model, macs, ms }] : [];
}));

function draw(options: Plot.PlotOptions, label: string): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>"), names = Object.keys(engines), looks = Object.values(engines);
  const figure = Plot.plot({
    document: document as unknown as Document, width: 900, style: { background: PAGE, color: INK, fontFamily: "system-ui, sans-serif", fontSize: "12px" },
    color: { domain: names, range: looks.map((l) => l.colour) }, symbol: { domain: names, range: looks.map((l) => l.symbol) }, ...options,
  });
  figure.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  figure.setAttribute("role", "img");
  figure.setAttribute("aria-label", label);
  return `${figure.outerHTML}\n`;
}

/** Names of the engines above the chart: Plot's own legend is HTML, which no SVG file may hold. */
function legend(points: readonly Point[], y: number): Plot.Markish[] {
  const used = Object.keys(engines).filter((e) => points.some((p) => p.engine === e)), at = (i: number) => ({ frameAnchor: "top-left" as const, dx: 225 * (i % 4), dy: y + 18 * Math.floor(i / 4) });
  return used.flatMap((engine, i) => [
    Plot.dot([engine], { fill: String, stroke: String, symbol: String, r: 4.5, ...at(i) }),
    Plot.text([engine], { text: String, textAnchor: "start", ...at(i), dx: at(i).dx + 10 }),
  ]);
}

const dots = (points: readonly Point[], x: keyof Point, y: keyof Point) => Plot.dot(points, { x, y, fill: "engine", stroke: "engine", symbol: "engine", r: 4.5, title: (p: Point) => `${p.engine}, ${p.model}: ${p.ms.toPrecision(3)} ms` });

/** Ticks at 1, 2 and 5 of every decade. */
const ticks = (values: readonly number[]): number[] => Array.from({ length: 24 }, (_, i) => [1, 2, 5][i % 3]! * 10 ** (Math.floor(i / 3) - 3)).filter((v) => v >= Math.min(...values) / 2 && v <= Math.max(...values) * 2);
const domainOf = (values: readonly number[]): [number, number] => [Math.min(...values) / 1.3, Math.max(...values) * 1.3];

/** One row per model, one mark per engine. */
export function latencyChart(models: readonly Model[], run: Run): string {
  const points = pointsOf(models, run), ms = points.map((p) => p.ms), order = [...models].sort((a, b) => a.macs - b.macs).map((m) => m.name);
  return draw({
    height: 120 + 34 * order.length, marginTop: 92, marginLeft: 90, marginBottom: 44,
    x: { type: "log", grid: true, label: "milliseconds per inference, logarithmic (less is better) →", labelOffset: 40, domain: domainOf(ms), ticks: ticks(ms), tickFormat: String }, y: { domain: order, label: null },
    marks: [Plot.ruleY(order, { stroke: SOFT }), dots(points, "ms", "model"), ...legend(points, -70)],
  }, "Latency of every model and engine in Chromium");
}

/** Latency against multiply-accumulates: how time grows with work. */
export function growthChart(models: readonly Model[], run: Run): string {
  const points = pointsOf(models, run), ms = points.map((p) => p.ms), most = Math.max(...models.map((m) => m.macs)), slowest = domainOf(ms)[1];
  const rate = (gmacs: number) => models.map(({ macs }) => ({ macs, ms: macs / gmacs / 1e6 })), end = (gmacs: number) => Math.min(most, gmacs * 1e6 * slowest);
  return draw({
    height: 580, marginTop: 104, marginLeft: 60, marginRight: 90, marginBottom: 44,
    x: { type: "log", grid: true, label: "multiply-accumulates of the model, logarithmic →", labelOffset: 40, domain: domainOf(models.map((m) => m.macs)), ticks: [1e5, 1e6, 1e7, 1e8], tickFormat: "~s" },
    y: { type: "log", grid: true, label: "↑ milliseconds per inference, logarithmic", labelOffset: 50, domain: domainOf(ms), ticks: ticks(ms), tickFormat: String },
    marks: [
      ...[1, 10, 100].flatMap((g) => [
        Plot.line(rate(g), { x: "macs", y: "ms", stroke: "#9aa4b0", strokeDasharray: "5 4", sort: "macs", clip: true }),
        Plot.text([{ macs: end(g), ms: end(g) / g / 1e6 }], { x: "macs", y: "ms", text: () => `${g} GMAC/s`, textAnchor: "start", dx: 8, dy: 6, fill: "#5b6470" }),
      ]),
      dots(points, "macs", "ms"), ...legend(points, -76),
    ],
  }, "Latency against multiply-accumulates over all models");
}
