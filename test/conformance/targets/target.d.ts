/** The engine that runs the suite: vitest.config.ts says which file it is. */
declare module "#target" {
  export const engine: string;
  export const builds: readonly import("../../../sdk/build.ts").Build[];
  export const load: typeof import("../../../targets/node/index.ts").load;
}
