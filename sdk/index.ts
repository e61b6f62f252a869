/** What every target exports. */
export { OctavoError, type ErrorCode } from "./errors.ts";
export type { Build, BuildName } from "./build.ts";
export type { Host, Source } from "./host.ts";
export type { LoadOptions } from "./load.ts";
export { Model, type Named, type ProfileRow, type TensorInfo, type Values } from "./model.ts";
export type { Metadata, PortDType } from "./model-file.ts";
