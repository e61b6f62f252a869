/** ONNX Runtime: its WebAssembly package and its native one have the same API. States go from output NAME_out to input NAME. */
import type { Engine, Entry, Host } from "../contenders.ts";

const FOLDER = "onnxruntime-web/dist/";

export async function startWeb(host: Host): Promise<Engine> {
  const ort = await import(`${host.packages}${FOLDER}${host.name === "node" ? "ort.node.min.mjs" : "ort.wasm.min.mjs"}`);
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  if (host.name === "chromium") ort.env.wasm.wasmPaths = `${host.packages}${FOLDER}`;
  return engine(ort, host, { executionProviders: ["wasm"] });
}

export async function startNative(host: Host): Promise<Engine> {
  const ort = await import(`${host.packages}onnxruntime-node/dist/index.js`);
  return engine(ort.default ?? ort, host, { executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: "sequential", logSeverityLevel: 3 });
}

function engine(ort: any, host: Host, options: object): Engine {
  const zeros = ({ onnxStates = [] }: Entry) => Object.fromEntries(onnxStates.map(({ name, shape }) => [name, new ort.Tensor("float32", new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)]));
  return {
    async open(entry, contender) {
      const session = await ort.InferenceSession.create(await host.read(`${entry.name}.${contender.file}`), options), feeds: Record<string, unknown> = zeros(entry);
      const states = Object.keys(feeds), [name] = session.inputNames.filter((n: string) => !states.includes(n)), [output] = session.outputNames;
      return {
        async run(x) {
          feeds[name] = new ort.Tensor(x instanceof Float32Array ? "float32" : x instanceof Uint8Array ? "uint8" : "int8", x, entry.onnxShape);
          const results = await session.run(feeds);
          for (const state of states) feeds[state] = results[`${state}_out`];
          return results[output].data;
        },
        close: () => void session.release(),
      };
    },
  };
}
