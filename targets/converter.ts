/** `octavo/converter`: the converter with the kernels whose answers it embeds for `model.selfTest()`. */
import { convert as withoutKernels, type Conversion, type ConvertOptions } from "../converter/index.ts";
import { scalar } from "./scalar.ts";

export * from "../converter/index.ts";

/**
 * Converts a trained model to a model file.
 * @throws OctavoError ERR_OCTAVO_FORMAT, _OPERATOR, _SHAPE, _DTYPE for the model, ERR_OCTAVO_NAN and _SHAPE for the samples
 */
export const convert = (bytes: Uint8Array, options: ConvertOptions = {}): Promise<Conversion> => withoutKernels(bytes, { kernels: scalar.module(), ...options });
