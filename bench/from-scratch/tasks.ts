/** The seed networks: what reference.py trains, as our side reads it. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { ConvertOptions } from "../../converter/convert.ts";
import type { Hyper } from "../../test/train/device.ts";
import { cifar, digits, type Samples } from "./data.ts";

export type TaskName = "cnn" | "lstm";
/** `file`: initial weights, by their ending. */
export interface Task { file: string; data: (split: "train" | "test") => Samples; hyper: Hyper; batch: number; options: ConvertOptions }

const architecture = JSON.parse(readFileSync(path.join(import.meta.dirname, "seed-cnn.architecture.json"), "utf8")) as unknown;

export const tasks: Record<TaskName, Task> = {
  cnn: { file: ".pt", data: cifar, batch: 16, hyper: { optimizer: "momentum", learningRate: 0.01, momentum: 0.9 }, options: { name: "cnn.pt", architecture } },
  lstm: { file: ".keras", data: digits, batch: 32, hyper: { optimizer: "adam", learningRate: 0.001, momentum: 0.9, beta2: 0.999, epsilon: 1e-7 }, options: { name: "lstm.keras" } },
};
