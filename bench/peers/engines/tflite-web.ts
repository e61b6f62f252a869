/** tfjs-tflite (TFLite with XNNPACK), through its TFLiteWebModelRunner: no TensorFlow.js tensors in the way. */
import type { Engine, Host } from "../contenders.ts";

const FOLDER = "@tensorflow/tfjs-tflite/wasm/";

export async function start(host: Host): Promise<Engine> {
  await host.script(`${FOLDER}tflite_web_api_client.js`);
  const { tflite_web_api, TFLiteWebModelRunner } = (globalThis as any).tfweb;
  tflite_web_api.setWasmPath(`${host.packages}${FOLDER}`);
  return {
    async open(entry, contender) {
      const bytes = await host.read(`${entry.name}.${contender.file}`), runner = await TFLiteWebModelRunner.create(bytes.slice().buffer, { numThreads: 1 });
      const [input] = runner.getInputs(), [output] = runner.getOutputs();
      return {
        run(x) {
          input.data().set(x);
          if (!runner.infer()) throw new Error("infer() returned false");
          return output.data().slice();
        },
        close: () => runner.cleanUp(),
      };
    },
  };
}
