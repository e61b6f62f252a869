/** Browsers: time from navigation to the first answer, posted back; an empty page where NAME is "". */
import { load } from "octavo";
import { runOf } from "./latency.ts";

/** Put in by the build. */
declare const NAME: string;

async function main(): Promise<void> {
  if (NAME) runOf(await load(`${NAME}.octavo`))();
  await fetch("results", { method: "POST", body: JSON.stringify({ ms: performance.now() }) });
}
void main();
