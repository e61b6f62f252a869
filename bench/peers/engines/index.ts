import type { Engine, EngineName, Host } from "../contenders.ts";
import { start as litert } from "./litert.ts";
import { start as octavo } from "./octavo.ts";
import { startNative, startWeb } from "./onnxruntime.ts";
import { start as tfjs } from "./tfjs.ts";
import { start as tfliteWeb } from "./tflite-web.ts";

export const engines: Record<EngineName, (host: Host) => Promise<Engine>> = { octavo, litert, tfliteWeb, ortWeb: startWeb, ortNode: startNative, tfjs };
