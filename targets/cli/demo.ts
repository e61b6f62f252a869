/** `octavo demo`: the main job on what ships with the package: convert trained models to int8, run both on digits, compare. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { digits, SIDE } from "../../examples/digits.ts";
import type { Model } from "../../sdk/model.ts";
import { measure, quantile } from "./bench.ts";
import { loadBuild } from "./open.ts";
import { shipped } from "./package.ts";
import { bytesText, millisText, table, terminal, withSpeech, type SpeechOptions, type Terminal } from "./terminal.ts";

const models = [{ title: "CNN (Keras)", file: "digits-cnn.h5" }, { title: "LSTM (ONNX)", file: "digits-lstm.onnx" }];
const CALIBRATION = 100, TESTED = 200, PIXELS = SIDE * SIDE;

export function define(command: Command): void {
  withSpeech(command).action(demo);
}

interface Row { model: string; floatBytes: number; int8Bytes: number; floatAnswers: number; int8Answers: number; agree: number; floatMs: number; int8Ms: number; first: Answer[] }
interface Answer { digit: number; float: string; int8: string }

async function demo(options: SpeechOptions): Promise<void> {
  const out = terminal(options), start = performance.now();
  out.say(`Converts ${models.length} trained models to int8 and runs them on ${TESTED} digits drawn here.\n`);
  const rows: Row[] = [];
  for (const m of models) rows.push(await one(m, out));
  out.answer({ milliseconds: performance.now() - start, tested: TESTED, rows }, `${describe(rows)}\n\nDone in ${millisText(performance.now() - start)}. Next: octavo convert MODEL -o OUT.octavo --calibrate X.npy`);
}

async function one({ title, file }: (typeof models)[number], out: Terminal): Promise<Row> {
  const bytes = new Uint8Array(await readFile(await shipped(`examples/models/${file}`))), { convert } = await import("../../converter/convert.ts");
  const bar = await out.progress(title, CALIBRATION), onProgress = ({ done }: { done: number }) => bar.update(done);
  try {
    const float = await convert(bytes, { name: file, precision: "float32" });
    const int8 = await convert(bytes, { name: file, samples: (ports) => calibration(ports[0]!.name), onProgress });
    return compare(title, bytes.length, await loadBuild(float.model), await loadBuild(int8.model), int8.model.length);
  } finally {
    bar.stop();
  }
}

function* calibration(input: string): Generator<Record<string, Float32Array>> {
  const { x } = digits(CALIBRATION, 2);
  for (let i = 0; i < CALIBRATION; i++) yield { [input]: x.subarray(i * PIXELS, (i + 1) * PIXELS) };
}

function compare(title: string, floatBytes: number, float: Model, int8: Model, int8Bytes: number): Row {
  const { x, labels } = digits(TESTED, 1), classes = x.length / PIXELS === TESTED ? float.outputs[0]!.shape.at(-1)! : 0;
  const a = float.run(x), b = int8.run(x), answer = (y: Float32Array, i: number) => largest(y.subarray(i * classes, (i + 1) * classes));
  const floats = Array.from(labels, (_, i) => answer(a, i)), ints = Array.from(labels, (_, i) => answer(b, i));
  const hits = (answers: readonly { index: number }[]) => answers.filter((y, i) => y.index === labels[i]).length;
  const sample = x.subarray(0, PIXELS), latency = (model: Model) => quantile(measure(() => void model.run(sample), undefined, 300), 0.5);
  return {
    model: title, floatBytes, int8Bytes, floatAnswers: hits(floats), int8Answers: hits(ints), agree: floats.filter((y, i) => y.index === ints[i]!.index).length,
    floatMs: latency(float), int8Ms: latency(int8), first: [0, 1, 2].map((i) => ({ digit: labels[i]!, float: text(floats[i]!), int8: text(ints[i]!) })),
  };
}

const text = ({ index, value }: { index: number; value: number }) => `${index} (${value.toFixed(3)})`;

function largest(y: Float32Array): { index: number; value: number } {
  let index = 0;
  for (let i = 1; i < y.length; i++) if (y[i]! > y[index]!) index = i;
  return { index, value: y[index]! };
}

function describe(rows: readonly Row[]): string {
  const sizes = table([["model", "float → int8 file", "right of " + TESTED + ", float → int8", "same answer", "latency float → int8"],
    ...rows.map((r) => [r.model, `${bytesText(r.floatBytes)} → ${bytesText(r.int8Bytes)}`, `${r.floatAnswers} → ${r.int8Answers}`, r.agree, `${millisText(r.floatMs)} → ${millisText(r.int8Ms)}`])]);
  const answers = table([["model", "digit drawn", "float answer", "int8 answer"], ...rows.flatMap((r) => r.first.map((f) => [r.model, f.digit, f.float, f.int8]))]);
  return `${sizes}\n\n${answers}`;
}
