/** What people see: text on stderr, one JSON object on stdout with --json, a bar while work is long. */
import type { Command } from "commander";

export interface SpeechOptions { json?: boolean; quiet?: boolean }

/** Adds the options that every command has. */
export const withSpeech = (command: Command): Command =>
  command.option("--json", "print one JSON object on stdout").option("--quiet", "print no progress and no remarks");

export interface Terminal {
  /** A remark; silent with --quiet and --json. */
  say(text: string): void;
  /** The result: `text` to people, `object` to programs. Without text, people see nothing. */
  answer(object: object, text: string): void;
  progress(label: string, total: number): Promise<Progress>;
}

/** `update` draws only on a terminal; `stop` must be called, also after a failure. */
export interface Progress { update(done: number, label?: string): void; stop(): void }

const write = (text: string) => void process.stderr.write(text.endsWith("\n") ? text : `${text}\n`);

export function terminal({ json = false, quiet = false }: SpeechOptions): Terminal {
  const draws = process.stderr.isTTY === true && !json && !quiet;
  return {
    say: (text) => { if (!json && !quiet) write(text); },
    answer: (object, text) => { if (json) process.stdout.write(`${JSON.stringify(object)}\n`); else if (text) write(text); },
    progress: async (label, total) => (draws ? bar(label, total) : { update() {}, stop() {} }),
  };
}

async function bar(label: string, total: number): Promise<Progress> {
  const { SingleBar } = (await import("cli-progress")).default;
  const drawn = new SingleBar({ format: "{label} {bar} {percentage} %", stream: process.stderr, clearOnComplete: true, hideCursor: true, barsize: 30, fps: 10, barCompleteChar: "█", barIncompleteChar: "░" });
  drawn.start(Math.max(1, total), 0, { label });
  return { update: (done, text) => drawn.update(done, text === undefined ? {} : { label: text }), stop: () => drawn.stop() };
}

export { bytesText, countText, shapeText, shorten } from "../../converter/report/text.ts";

export const millisText = (ms: number): string => (ms < 0.1 ? `${(ms * 1000).toFixed(1)} µs` : ms < 1000 ? `${ms.toPrecision(3)} ms` : `${(ms / 1000).toFixed(2)} s`);

/** Columns of text, the first row their heads; numbers to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map(String)), widths = cells[0]!.map((_, c) => Math.max(...cells.map((row) => row[c]?.length ?? 0)));
  const right = widths.map((_, c) => cells.slice(1).every((row) => /^[-+−]?[\d.]|^-?$/.test(row[c] ?? "")));
  const line = (row: readonly string[]) => row.map((cell, c) => (right[c] ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!))).join("  ").trimEnd();
  return cells.map(line).join("\n");
}
