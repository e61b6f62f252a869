/**
 * LiteRT.js (XNNPACK). Its public Tensor of 2.5 takes no int8, so buffers go through its WebAssembly module, which is also
 * faster than the public class. The build is the one it chooses itself: relaxed SIMD where the engine has it.
 */
import type { Engine, Host } from "../contenders.ts";
import { hasRelaxed } from "./relaxed.ts";

const FOLDER = "@litertjs/core/", cpu = { accelerator: "wasm", cpuOptions: { numThreads: 1 }, gpuOptions: {}, webNNOptions: {} };

async function moduleOf(host: Host): Promise<{ w: any; environment: any }> {
  if (host.name === "chromium") {
    const loaded = await (await import(`${host.packages}${FOLDER}dist/index.js`)).loadLiteRt(`${host.packages}${FOLDER}wasm/`, { threads: false });
    return { w: loaded.liteRtWasm, environment: loaded.getDefaultEnvironment().liteRtEnvironment };
  }
  (globalThis as any).self ??= globalThis;
  const factory = await host.script(`${FOLDER}wasm/litert_wasm${hasRelaxed() ? "" : "_compat"}_internal.js`) as (options: object) => Promise<any>;
  const w = await factory({ locateFile: (file: string) => new URL(`${host.packages}${FOLDER}wasm/${file}`).pathname });
  w.setupLogging();
  return { w, environment: w.LiteRtEnvironment.create(null) };
}

export async function start(host: Host): Promise<Engine> {
  const { w, environment } = await moduleOf(host), { READ, WRITE } = w.LiteRtTensorBufferLockMode;
  return {
    async open(entry, contender) {
      const bytes = await host.read(`${entry.name}.${contender.file}`), at = w._malloc(bytes.length), Output = contender.file === "float.tflite" ? Float32Array : Int8Array;
      w.HEAPU8.set(bytes, at);
      const model = w.loadModel(environment, at, bytes.length), compiled = await w.compileModel(environment, model, cpu), type = model.getInputTensorType(0, 0);
      const input = w.LiteRtTensorBuffer.createManaged(environment, w.LiteRtTensorBufferType.HOST_MEMORY, type, type.bytes());
      const answer = (outputs: any[]) => {
        const from = outputs[0].lock(READ), copy = w.HEAPU8.slice(from, from + outputs[0].size());
        outputs[0].unlock();
        for (const o of outputs) o.delete();
        return new Output(copy.buffer);
      };
      return {
        run(x) {
          w.HEAPU8.set(new Uint8Array(x.buffer, x.byteOffset, x.byteLength), input.lock(WRITE));
          input.unlock();
          const outputs = compiled.run(0, [input]);
          return outputs.then ? outputs.then(answer) : answer(outputs);
        },
        close() {
          for (const o of [input, compiled, model]) o.delete();
          w._free(at);
        },
      };
    },
  };
}
