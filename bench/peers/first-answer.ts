/** Start an engine, load a model, answer once. */
import { inputFor, noiseFor, type Contender, type Engine, type Entry, type Host } from "./contenders.ts";

export async function firstAnswer(start: (host: Host) => Promise<Engine>, contender: Contender, entry: Entry, host: Host): Promise<void> {
  const runner = await (await start(host)).open(entry, contender);
  await runner.run(inputFor(entry, contender, noiseFor(entry)));
}
