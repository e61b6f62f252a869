/** The exports of the training module: those of every build, with the kernels from 128 on. Built with TRAINS defined. */
export * from "./index";
export * from "./registry.train";
