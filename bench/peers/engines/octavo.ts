/** Ours, through the public API: the model's own integers in and out where it has them. */
import type { Engine, Host, Values } from "../contenders.ts";
import { load, simd } from "octavo";
import { relaxed } from "octavo/relaxed";

export async function start(host: Host): Promise<Engine> {
  return {
    async open(entry, contender) {
      const model = await load(await host.read(`${entry.name}.${contender.file}`), { builds: [contender.build === "relaxed" ? relaxed : simd] });
      const raw = contender.file !== "float.octavo";
      return { run: (x) => (raw ? model.runRaw(x as never) : model.run(x as never)) as unknown as Values, close: () => model.dispose() };
    },
  };
}
