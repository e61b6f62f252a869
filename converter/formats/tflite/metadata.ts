/** TFLITE_METADATA, a FlatBuffers file inside the model: its ModelMetadata has the name first (metadata_schema.fbs). */
import { openFlatbuffer } from "../wire/flatbuffer.ts";
import type { TfliteModel } from "./schema.ts";

/** The name that the author gave the model, "" where there is none. */
export function modelName(model: TfliteModel): string {
  const bytes = model.metadata.get("TFLITE_METADATA");
  return bytes?.length ? openFlatbuffer(bytes, "tflite").string(0) : "";
}
