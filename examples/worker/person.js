/** One person's model in a Durable Object: the shipped one, and in storage what the person's lessons changed in it. */
import { DurableObject } from "cloudflare:workers";
import { load } from "octavo";
import { applyDelta, trainer as trainerOf } from "octavo/train";
import { digits as drawn } from "../../dist/examples/digits.js";
import digits from "./digits.octavo";

const REPLAYED = 100, EPOCHS = 12, TOLERANCE = 0.05;

export class Person extends DurableObject {
  #model;

  /** The model as this person taught it; made once per object. */
  #ready() {
    return (this.#model ??= (async () => {
      const model = await load(digits), delta = await this.ctx.storage.get("delta");
      if (delta) applyDelta(model, delta);
      return model;
    })());
  }

  async classify(x) {
    return (await this.#ready()).run(x);
  }

  /**
   * Trains the last layer on the drawings, among digits drawn by a program so that those are not forgotten.
   * @param x f32 [N,28,28] · @param labels N classes
   * @returns the size of what is kept; `learned` is false where digits would have been read worse: then nothing has changed
   */
  async teach(x, labels) {
    const model = await this.#ready(), known = drawn(REPLAYED, 1), trainer = trainerOf(model, { learningRate: 0.01 }), all = new Float32Array(known.x.length + x.length);
    all.set(known.x);
    all.set(x, known.x.length);
    const { epochs } = await trainer.fit({ x: all, labels: [...known.labels, ...labels] }, { epochs: EPOCHS, seed: 1 });
    const { committed } = trainer.commit({ guard: known, tolerance: TOLERANCE }), delta = trainer.delta();
    trainer.dispose();
    if (committed) await this.ctx.storage.put("delta", delta);
    return { learned: committed, loss: epochs.at(-1).loss, accuracy: epochs.at(-1).accuracy, bytes: delta.length };
  }

  async forget() {
    await this.ctx.storage.delete("delta");
    this.#model = undefined;
  }
}
