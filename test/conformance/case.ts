import type { Model } from "../../sdk/model.ts";
import type { Trainer } from "../../sdk/train/trainer.ts";

/** One model, one input, and the digest of the right answer; as text, so that it can be handed to any engine. */
export interface Case { name: string; model: string; input: string; digest: string }

/** A small model that runs some kernels, and the digest of its self-test. */
export interface KernelCase { name: string; kernels: string[]; model: string; digest: string }

export const toBase64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(""));
export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** First 16 hexadecimal digits of the SHA-256 of the values' bytes. */
export const digestOf = (values: Float32Array): Promise<string> => digestOfBytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));

export async function digestOfBytes(bytes: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(hash).subarray(0, 8), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** A model file with training programs, a data set, and the digest of what 100 steps make of it. */
export interface TrainingCase { name: string; model: string; x: string; labels: number[]; digest: string }

export const STEPS = 100;

/** Masters and the saved file after STEPS steps, batch after batch. */
export async function trainedDigest(load: (file: Uint8Array) => Promise<Model>, trainerOf: (model: Model) => Trainer, c: Omit<TrainingCase, "digest" | "name">): Promise<string> {
  const model = await load(fromBase64(c.model)), trainer = trainerOf(model), x = new Float32Array(fromBase64(c.x).buffer), { batch } = trainer.info, size = x.length / c.labels.length;
  for (let step = 0, from = 0; step < STEPS; step++, from = from + batch < c.labels.length ? from + batch : 0) trainer.step(x.subarray(from * size, (from + batch) * size), c.labels.slice(from, from + batch));
  trainer.commit();
  const masters = Object.values(trainer.parameters()).flatMap(({ data }) => [...data]), digests = [await digestOf(Float32Array.from(masters)), await digestOfBytes(model.save())];
  trainer.dispose();
  model.dispose();
  return digests.join(" ");
}
