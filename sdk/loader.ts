/** The loader of AssemblyScript. As it starts it makes a TextDecoder, which AudioWorklets lack and our modules never use. */
import { removeStandIn } from "./text-decoder.ts"; // evaluated before the loader
import { instantiateSync } from "@assemblyscript/loader";
import type { Exports } from "./exports.ts";

removeStandIn();

/** The loader knows the modules of its own realm; the sandbox of Next's edge functions hands in those of another. */
export function instantiate(module: WebAssembly.Module): Exports {
  const ours = module instanceof WebAssembly.Module;
  return (ours ? instantiateSync(module, {}).exports : new WebAssembly.Instance(module as WebAssembly.Module, {}).exports) as unknown as Exports;
}
