/** What `npm run bench` compares with: bench/results/figures.json, ratios and bytes that hold on another machine. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

/** `tolerance`: how much worse is noise. */
export interface Part { name: string; better: "more" | "less"; tolerance: number; measure(options: PartOptions): Promise<Figures> }
export interface PartOptions { only: string; build?: string | undefined; rounding: "fast" | "tflite"; runs: number }
export type Figures = Record<string, number>;

const file = path.join(import.meta.dirname, "results/figures.json");
type Committed = Record<string, Figures>;
const committed = (): Committed => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) as Committed : {});

/** One line per figure that is worse than the committed one by more than noise. */
export function regressions({ name, better, tolerance }: Part, now: Figures): string[] {
  const before = committed()[name] ?? {};
  return Object.entries(now).flatMap(([figure, value]) => {
    const old = before[figure], change = old === undefined || old === 0 ? 0 : value / old - 1;
    return (better === "more" ? -change : change) > tolerance ? [`${name}: ${figure}: ${show(old!)} -> ${show(value)} (${change > 0 ? "+" : ""}${(100 * change).toFixed(0)} %)`] : [];
  });
}

/** Figures that were not measured this time stay. */
export function commit(name: string, now: Figures): void {
  const all = committed(), rounded = Object.fromEntries(Object.entries(now).map(([k, v]) => [k, Number(v.toPrecision(4))]));
  writeFileSync(file, `${JSON.stringify({ ...all, [name]: { ...all[name], ...rounded } }, null, 1)}\n`);
}

export const show = (value: number): string => String(Number(value.toPrecision(4)));
