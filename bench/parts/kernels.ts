/** `--kernel`: every operator beside the peak loop of its build, in the same process, window by window. */
import { compile } from "../../converter/compile.ts";
import { sizeOf, tensorOf, type Graph } from "../../converter/ir/graph.ts";
import type { Build } from "../../sdk/build.ts";
import { load, relaxed, scalar, simd } from "../../targets/node/index.ts";
import { trainScalar, trainSimd } from "../../targets/node/train-builds.ts";
import { random } from "../../test/kernels/random.ts";
import type { Figures, Part, PartOptions } from "../figures.ts";
import { ceilings, fastest, type Ceiling } from "../kernels/ceilings.ts";
import { floatCases } from "../kernels/float.ts";
import { int8Cases } from "../kernels/int8.ts";
import { trainCases } from "../kernels/train.ts";

interface Family { name: "int8" | "float" | "train"; cases: Record<string, () => Graph>; builds: readonly Build[]; kind: "int8" | "float" }
const families: readonly Family[] = [
  { name: "int8", cases: int8Cases, builds: [scalar, simd, relaxed], kind: "int8" },
  { name: "float", cases: floatCases, builds: [scalar, simd, relaxed], kind: "float" },
  { name: "train", cases: trainCases, builds: [trainScalar, trainSimd], kind: "float" },
];

/** `rate`: multiply-accumulates per second, or, where an operator has none, results per second. */
interface Measured { seconds: number; rate: number; macs: number; share: number }

/** The relaxed build is for 7-bit weights. */
function halved(graph: Graph): Graph {
  for (const { dtype, data } of graph.tensors.values()) if (dtype === "int8" && data) data.forEach((v, i) => { data[i] = Math.trunc(v / 2); });
  return graph;
}

async function measure(graph: Graph, build: Build, ceiling: Ceiling, rounding: PartOptions["rounding"]): Promise<Measured> {
  const { model, program } = await compile(build.name === "relaxed" ? halved(graph) : graph, { rounding }), loaded = await load(model, { builds: [build] }), r = random(2);
  const raw = graph.inputs.every((name) => tensorOf(graph, name).quantization), given = Object.fromEntries(loaded.inputs.map((i) => [i.name, raw ? r.bytes(sizeOf(i.shape)) : r.floats(sizeOf(i.shape))]));
  const { exports } = loaded as unknown as { exports: { octavo_run(): void; octavo_run_raw(): void } };
  if (raw) loaded.runRaw(given);
  else loaded.run(given);
  const [seconds, peak] = fastest([raw ? () => exports.octavo_run_raw() : () => exports.octavo_run(), ceiling.run], { windows: 40, windowMs: 3 }) as [number, number];
  const macs = program.calls.reduce((n, c) => n + c.macs, 0), rate = (macs || sizeOf(tensorOf(graph, graph.outputs[0]!).shape)) / seconds;
  return { seconds, macs, rate, share: rate / (ceiling.macs / peak) };
}

function cell(m: Measured): string {
  const rate = m.macs ? `${(m.rate / 1e9).toFixed(1).padStart(5)} GMAC/s ${(100 * m.share).toFixed(0).padStart(3)} %` : `${(1e9 / m.rate).toFixed(2).padStart(5)} ns each    `;
  return `${(m.seconds * 1e6).toFixed(1).padStart(9)} µs ${rate}`;
}

export const kernels: Part = {
  name: "kernels", better: "more", tolerance: 0.1,
  async measure({ only, build, rounding }) {
    const figures: Figures = {}, peaks = ceilings();
    for (const { name: family, cases, builds, kind } of families) {
      const used = builds.filter((b) => b.supported() && (!build || b.name === build)), names = Object.keys(cases).filter((name) => `${family} ${name}`.includes(only));
      if (!names.length || !used.length) continue;
      console.log(`\n${`${family} kernels`.padEnd(26)}${used.map((b) => `${b.name} (% of ${peaks[kind][b.name].name})`.padStart(32)).join("")}`);
      for (const name of names) {
        const row: Measured[] = [];
        for (const b of used) row.push(await measure(cases[name]!(), b, peaks[kind][b.name], rounding));
        console.log(name.padEnd(26) + row.map((m) => `  ${cell(m)}`).join(""));
        used.forEach((b, i) => { figures[`${b.name} ${family} ${name}`] = row[i]!.share; });
      }
    }
    return figures;
  },
};
