/** The loader of AssemblyScript. As it starts it makes a TextDecoder, which AudioWorklets lack and our modules never use. */
import { removeStandIn } from "./text-decoder.ts"; // evaluated before the loader
import { instantiateSync } from "@assemblyscript/loader";

removeStandIn();
export { instantiateSync };
