/** The other direction of wire/protobuf.ts, by the same tables: tests make files with it. */
import protobuf from "protobufjs/minimal.js";
import type { Decoded, Message, Scalar } from "../../converter/formats/wire/protobuf.ts";

const wire: Record<Scalar, number> = { int32: 0, int64: 0, float: 5, double: 1, string: 2, bytes: 2 };

/** Bytes of a message; fields in the table's order, repeated ones one by one. */
export function encode(value: Decoded, message: Message): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const [number, [name, type, many]] of Object.entries(message)) {
    const field = value[name];
    if (field === undefined) continue;
    for (const item of many ? Array.from(field as ArrayLike<unknown>) : [field]) put(writer, Number(number), type, item);
  }
  return writer.finish();
}

function put(writer: protobuf.Writer, field: number, type: Scalar | (() => Message), item: unknown): void {
  if (typeof type !== "string") {
    writer.uint32((field << 3) | 2).bytes(encode(item as Decoded, type()));
    return;
  }
  writer.uint32(((field << 3) | wire[type]) >>> 0);
  switch (type) {
    case "int32": writer.int32(item as number); break;
    case "int64": writer.int64(item as number); break;
    case "float": writer.float(item as number); break;
    case "double": writer.double(item as number); break;
    case "string": writer.string(item as string); break;
    case "bytes": writer.bytes(item as Uint8Array);
  }
}
