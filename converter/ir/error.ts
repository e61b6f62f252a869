/** Errors of the converter: the same class as the SDK's, with the sentence of style.md. */
import { OctavoError, type ErrorCode } from "../../sdk/errors.ts";

export { OctavoError, type ErrorCode };

/**
 * `onnx: node "fc1" (Gemm): alpha is 0.5, expected 1. Fold it into the weights before export.`
 * @param where a place in the file: `node "fc1" (Gemm)`, `byte 1204`, `tensor "w"`
 * @param problem what was found and what was expected
 * @param remedy what the user can do, a sentence
 */
export function modelError(code: ErrorCode, format: string, where: string, problem: string, remedy = ""): OctavoError {
  return new OctavoError(code, `${format}: ${where}: ${problem}.${remedy ? ` ${remedy}` : ""}`);
}
