/** Numbers as the ports of a model take and give them. */
export type Values = Float32Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array;
export type Named = Record<string, Values>;

/** The array type of each dtype; int64 travels as int32, bool as bytes. */
export const arrays = { float32: Float32Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array, int64: Int32Array, bool: Uint8Array };
