import type { Model } from "../../sdk/model.ts";
import type { Trainer } from "../../sdk/train/trainer.ts";

interface Digits { x: Float32Array; labels: Uint8Array }
export const TRAINING: { count: number; epochs: number; seed: number }, DATA: { x: string; labels: string }, WORDS: string[];
export function datasetOf(x: Uint8Array, labels: Uint8Array): Digits;
export function digestOfFile(file: Uint8Array): string;
export function trainedDigest(model: Model, trainerOf: (model: Model) => Trainer, dataset: Digits): Promise<string>;
