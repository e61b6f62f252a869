/** The browser run: `window.race(names, options)`. */
import type { Entry } from "./contenders.ts";
import { at, host } from "./page-host.ts";
import { race, type Options } from "./rounds.ts";

Object.assign(globalThis, {
  race: async (names: string[], options: Options) => race(((await (await fetch(at("files/models.json"))).json()) as Entry[]).filter((e) => names.includes(e.name)), host, options),
});
