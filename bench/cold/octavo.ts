/** An application's code: load, run once. */
import { load } from "octavo";
import { watchMemory } from "./memory.ts";
import { tell } from "./tell.ts";

/** Put in by the build. */
declare const MODEL: string;

async function main(): Promise<void> {
  const bytes = watchMemory(), model = await load(MODEL);
  model.run(new Float32Array(model.inputs[0]!.shape.reduce((n, d) => n * d, 1)));
  tell(bytes());
}
void main();
