/** The kernels and elementwise functions that the programs of a model file name. */
import { BASE, kernelNames, layouts } from "../write/layout.ts";

export interface Used { kernels: Set<number>; functions: Set<number> }

/** @param model a checked model file */
export function usedBy(model: Uint8Array): Used {
  const view = new DataView(model.buffer, model.byteOffset, model.byteLength), used: Used = { kernels: new Set(), functions: new Set() };
  const programs = view.getUint32(48, true), count = view.getUint32(programs, true);
  for (let i = 0; i < count; i++) {
    const at = programs + 16 + 32 * i, calls = view.getUint32(at + 4, true) - BASE, length = view.getUint32(at + 8, true);
    for (let c = 0; c < length; c++) addCall(view, view.getUint32(calls + 8 * c, true), view.getUint32(calls + 8 * c + 4, true) - BASE, used);
  }
  return used;
}

function addCall(view: DataView, kernel: number, params: number, used: Used): void {
  used.kernels.add(kernel);
  layouts[kernelNames[kernel - 1]!].forEach(([, type], field) => {
    if (type === "fn") used.functions.add(view.getInt32(params + 4 * field, true));
  });
}
