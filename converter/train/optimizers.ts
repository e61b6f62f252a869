/** Optimizers in the order of their numbers in the struct Hyper, assembly/update/hyper.ts. */
export const optimizers = ["sgd", "momentum", "nesterov", "adam", "adamw", "adagrad", "rmsprop"] as const;
export type Optimizer = (typeof optimizers)[number];
/** Floats of state per parameter. */
export const slotsOf = (optimizer: Optimizer): number => (optimizer === "sgd" ? 0 : optimizer.startsWith("adam") ? 2 : 1);
