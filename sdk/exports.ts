/** What every build exports: assembly/index.ts. */
export interface Exports {
  memory: WebAssembly.Memory;
  octavo_abi_version(): number;
  octavo_alloc(length: number): number;
  octavo_load(at: number, length: number): number;
  octavo_error(to: number, capacity: number): number;
  octavo_refused_call(): number;
  octavo_run(): void;
  octavo_run_raw(): void;
  octavo_run_calls(kind: number, from: number, to: number): void;
  octavo_checked_loads(on: number): void;
  octavo_reset(): void;
  octavo_self_test(): bigint;
}

/** `kind` of octavo_run_calls. */
export const INFER = 1;
