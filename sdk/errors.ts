/** The codes of `OctavoError.code`: public API, under semver. */
export type ErrorCode =
  | "ERR_OCTAVO_FORMAT" | "ERR_OCTAVO_VERSION" | "ERR_OCTAVO_OPERATOR" | "ERR_OCTAVO_SHAPE" | "ERR_OCTAVO_DTYPE"
  | "ERR_OCTAVO_MEMORY" | "ERR_OCTAVO_HOST" | "ERR_OCTAVO_SOURCE" | "ERR_OCTAVO_FETCH" | "ERR_OCTAVO_SIGNATURE"
  | "ERR_OCTAVO_DISPOSED" | "ERR_OCTAVO_NAN";

/** Every error that a user can cause. `message` says format, where, found, expected and remedy. */
export class OctavoError extends Error {
  override readonly name = "OctavoError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** True for the errors of every copy of this module: bundles and sub-paths each hold one. */
  static [Symbol.hasInstance](error: unknown): boolean {
    return error instanceof Error && error.name === "OctavoError";
  }
}
