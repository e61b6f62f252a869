/** Functions in a functional model: `keras.ops` of Keras 3 by class, `tf.` functions of Keras 2 (TFOpLambda) by name. */
import type { LayerFunction } from "./layer.ts";

export const operations: Record<string, LayerFunction> = {};
