/** The engine that runs the suite: vitest.config.ts says which file it is. */
declare module "#target" {
  export const engine: string;
  export const builds: readonly import("../../../sdk/build.ts").Build[];
  export const trainBuilds: readonly import("../../../sdk/build.ts").Build[];
  export const trainer: typeof import("../../../targets/node/train.ts").trainer;
  export const load: typeof import("../../../targets/node/index.ts").load;
}
