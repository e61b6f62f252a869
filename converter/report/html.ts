/** Report → one self-contained page: no script, no network, light and dark, wide and narrow. */
import { errorPlot, macPlot, memoryPlot, POOR_DECIBELS, rangePlot, sizePlot, timePlot, type Width } from "./plots.ts";
import type { LayerReport, PortReport, Report } from "./report.ts";
import { css } from "./style.ts";
import { bytesText, countText, decibelText, microsText, shapeText } from "./text.ts";

const escape = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const fill = { int8: "background:var(--int8)", float: "background:var(--float)", poor: "background:var(--poor)", quiet: "background:var(--quiet)" };

/**
 * @param title the source file's name, say
 * @returns the whole document
 */
export function renderReport(report: Report, title = report.name || "model"): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(title)}: Octavo conversion report</title><style>${css}</style></head><body>
<h1>${escape(title)}</h1><p class="soft">${summary(report)}</p>
${tiles(report)}
${ports(report)}
${section("Size", "Bytes on disk, everything included.", (w) => sizePlot(report, w))}
${errors(report)}
${ranges(report)}
${memory(report)}
${work(report)}
${layerTable(report)}
${notes(report)}
</body></html>
`;
}

function summary({ source, precision, rounding, calibration, layers }: Report): string {
  const float = layers.filter((l) => l.precision === "float32").length;
  const how = calibration ? `, calibrated on ${calibration.samples} samples (${escape(calibration.method)})` : "";
  const kept = precision !== "float32" && float ? `; ${float} of ${layers.length} kernel calls stay in float32` : "";
  return `Converted from ${escape(source.format)} to ${escape(precision)}${how}; ${escape(rounding)} rounding${kept}.`;
}

const tile = (name: string, value: string, detail = "") => `<div><dt>${name}</dt><dd>${value}${detail && `<small>${detail}</small>`}</dd></div>`;

function tiles({ source, model, memory: plan, layers }: Report): string {
  const ratio = source.bytes / model.bytes, measured = layers.filter((l) => l.microseconds !== undefined), time = measured.reduce((n, l) => n + l.microseconds!, 0);
  const compared = layers.filter((l) => l.error), last = compared.at(-1), worst = compared.reduce((a, b) => (b.error!.sqnr < a.error!.sqnr ? b : a), compared[0]!);
  return `<dl class="tiles">${[
    tile("file size", bytesText(model.bytes), `from ${bytesText(source.bytes)}, ${ratio >= 1 ? `${ratio.toFixed(1)} × smaller` : `${(1 / ratio).toFixed(1)} × larger`}`),
    tile("working memory", bytesText(plan.arenaBytes), "arena of all activations"),
    tile("weights", bytesText(model.weightBytes), `${countText(source.parameters)} parameters`),
    tile("work of one run", `${countText(model.macs)}`, "multiply-accumulates"),
    ...(measured.length ? [tile("time of one run", microsText(time), "on the converting machine")] : []),
    ...(last ? [tile("error at the output", decibelText(last.error!.sqnr), `worst layer ${decibelText(worst.error!.sqnr)}`)] : []),
  ].join("")}</dl>`;
}

function ports({ inputs, outputs }: Report): string {
  const row = (side: string) => (p: PortReport) => `<tr><td>${side}</td><td class="name">${escape(p.name)}</td><td>${shapeText(p.shape)}</td><td>${p.dtype}</td><td>${escape(p.layout) || "–"}</td></tr>`;
  return `<h2>What goes in, what comes out</h2><div class="scroll"><table><thead><tr><th></th><th>name</th><th>shape of one run</th><th>type</th><th>layout</th></tr></thead><tbody>
${[...inputs.map(row("in")), ...outputs.map(row("out"))].join("\n")}</tbody></table></div>`;
}

const figure = (plot: (width: Width) => string): string => `<figure class="wide">${plot("wide")}</figure><figure class="narrow">${plot("narrow")}</figure>`;
const section = (title: string, text: string, plot: (width: Width) => string, key = ""): string => `<section><h2>${title}</h2><p class="soft">${text}</p>${key}${figure(plot)}</section>`;
const keyOf = (...entries: [style: string, text: string][]): string => `<ul class="key">${entries.map(([style, text]) => `<li><i ${style === "dash" ? 'class="dash"' : `style="${style}"`}></i>${text}</li>`).join("")}</ul>`;

function errors({ layers }: Report): string {
  const compared = layers.filter((l) => l.error), poor = compared.filter((l) => l.error!.sqnr < POOR_DECIBELS).length;
  if (!compared.length) return "";
  const verdict = poor ? `<span class="poor">${poor} of ${compared.length} layers lie below ${POOR_DECIBELS} dB.</span> Give more calibration data, another --method, or --precision auto.` : `All ${compared.length} layers lie above ${POOR_DECIBELS} dB.`;
  return section("Error of every layer", `Signal to quantization noise, quantized against float on the same samples; errors of earlier layers are included. ${verdict}`,
    (w) => errorPlot(layers, w), keyOf([fill.int8, "integer layer"], [fill.float, "float layer"], [fill.quiet, "moves or converts values"], [fill.poor, `below ${POOR_DECIBELS} dB`]));
}

function ranges({ layers }: Report): string {
  if (!layers.some((l) => l.outputs[0]?.range || l.outputs[0]?.scale !== undefined)) return "";
  return section("Value ranges", "What each layer's output held in calibration, and what its integers can hold. Values outside saturate; a band far wider than the bar wastes steps.",
    (w) => rangePlot(layers, w), keyOf([fill.int8, "seen in calibration"], [`${fill.quiet};opacity:.5`, "representable"]));
}

function memory({ memory: plan, layers }: Report): string {
  const over = plan.largestLive ? (100 * (plan.arenaBytes / plan.largestLive - 1)).toFixed(1) : "0.0";
  return section("Memory plan", `Every activation has its place before the model ships: ${bytesText(plan.arenaBytes)}, ${over} % above the largest sum of tensors alive at once (${bytesText(plan.largestLive)}). A rectangle is one tensor: as tall as its bytes, as wide as its life.`,
    (w) => memoryPlot(plan, layers, w), keyOf([fill.int8, "tensor"], [fill.quiet, "scratch"], ["dash", "least possible"]));
}

function work({ layers }: Report): string {
  const key = keyOf([fill.int8, "integer layer"], [fill.float, "float layer"], [fill.quiet, "moves or converts values"]);
  const macs = layers.some((l) => l.macs) ? section("Multiply-accumulates", "Of one run, layers without any left out.", (w) => macPlot(layers, w), key) : "";
  const times = layers.some((l) => l.microseconds !== undefined) ? section("Time", "Median of several runs on the machine that converted.", (w) => timePlot(layers, w), key) : "";
  return macs + times;
}

function layerTable({ layers }: Report): string {
  const cells = (l: LayerReport, i: number) => [`<td class="n">${i + 1}</td><td class="name">${escape(l.name)}</td><td>${l.op}</td><td>${escape(l.kernel)}${l.floatBecause ? `<br><span class="soft">${escape(l.floatBecause)}</span>` : ""}</td>`,
    ...[l.outputs[0] ? shapeText(l.outputs[0].shape) : "–", l.macs ? countText(l.macs) : "–", l.weightBytes ? bytesText(l.weightBytes) : "–", l.microseconds === undefined ? "–" : microsText(l.microseconds), l.error ? decibelText(l.error.sqnr) : "–", l.error ? `${(100 * l.error.saturated).toFixed(2)} %` : "–"].map((text) => `<td class="n">${text}</td>`)];
  return `<details><summary>All ${layers.length} kernel calls</summary><div class="scroll"><table><thead><tr><th class="n">#</th><th>layer</th><th>operator</th><th>kernel</th>${["output", "MACs", "weights", "time", "SQNR", "saturated"].map((h) => `<th class="n">${h}</th>`).join("")}</tr></thead><tbody>
${layers.map((l, i) => `<tr>${cells(l, i).join("")}</tr>`).join("\n")}</tbody></table></div></details>`;
}

function notes({ notes: sentences, times }: Report): string {
  const said = sentences.length ? `<h2>Remarks</h2><ul>${sentences.map((s) => `<li>${escape(s)}</li>`).join("")}</ul>` : "";
  const total = times.reduce((n, t) => n + t.ms, 0);
  const spent = times.length ? `<p class="soft">Converted in ${(total / 1000).toFixed(2)} s: ${times.map((t) => `${escape(t.stage)} ${t.ms.toFixed(0)} ms`).join(", ")}.</p>` : "";
  return said + spent;
}
