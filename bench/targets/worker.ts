/** workerd, whose clock stands still while code runs: POST a model; GET /?runs=N runs it N times, timed from outside. */
import { load, type Model } from "octavo";
import { runOf } from "./latency.ts";

let model: Model | undefined;

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method === "POST") model = await load(await request.arrayBuffer());
    const runs = Number(new URL(request.url).searchParams.get("runs")), run = runs && model ? runOf(model) : () => {};
    for (let i = 0; i < runs; i++) run();
    return new Response("done");
  },
};
