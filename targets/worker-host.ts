/** Workers of a server: no files; the kernels are compiled before they start. */
import type { Build } from "../sdk/build.ts";
import { OctavoError } from "../sdk/errors.ts";
import type { Host } from "../sdk/host.ts";
import { readResponse } from "../sdk/load.ts";

export const workerHost = (build: Build): Host => ({
  builds: [build],
  checkedLoads: true,
  read: async (location, signal) => {
    if (typeof location === "string") throw new OctavoError("ERR_OCTAVO_SOURCE", `load: a Worker has no files, found the path "${location}". Pass a URL object, a Response, or bytes (from the bundle, KV or R2).`);
    return readResponse(await fetch(location, { signal: signal ?? null }));
  },
});
