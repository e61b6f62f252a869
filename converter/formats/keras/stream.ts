/** One time step per run: which inputs have a time axis, and which layers need more than one step. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { KerasModel, LayerConfig } from "./model.ts";
import { callRefs } from "./model.ts";

/** Sequences have their steps at axis 1: vectors [N,T,C], images [N,T,H,W,C], and numbers [N,T] that go into an embedding. */
export function timeAxisIsOne(model: KerasModel, input: string, rank: number): boolean {
  if (rank === 3 || rank === 5) return true;
  const readers = model.sequential ? model.layers.slice(1, 2)
    : model.layers.filter((l) => l.calls.some((c) => callRefs(c).some((r) => r.layer === input)));
  return rank === 2 && readers.some((l) => l.className === "Embedding");
}

const overTime = /^(\w*Conv(olution)?1D(Transpose)?|(Global)?(Max|Average|Avg)Pool(ing)?1D|Bidirectional|(UpSampling|ZeroPadding|Cropping)1D|RepeatVector)$/;

/** Layers that look at several steps at once cannot run step by step. */
export function refuseInStream(g: GraphBuilder, model: KerasModel): void {
  const found = model.layers.filter((l: LayerConfig) => overTime.test(l.className));
  g.where = `model "${model.name}"`;
  if (found.length) {
    g.fail(`it cannot run one step at a time, because of ${found.map((l) => `"${l.name}" (${l.className})`).join(", ")}`,
      "Convert it without --stateful.");
  }
}
