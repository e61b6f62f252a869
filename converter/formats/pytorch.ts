/** PyTorch: `.pt2` archives of torch.export, weights (`.pt`, `.pth`, `.safetensors`) with an architecture file, and such a file alone. */
import { modelError } from "../ir/error.ts";
import { architectureOf } from "./pytorch/architecture-json.ts";
import { buildFromArchitecture, buildUntrained } from "./pytorch/architecture.ts";
import { isStream, readCheckpoint } from "./pytorch/checkpoint.ts";
import { isExported, readExported } from "./pytorch/exported.ts";
import { format } from "./pytorch/tensors.ts";
import type { Reader } from "./reader.ts";
import { isSafetensors } from "./wire/safetensors.ts";
import { isZip, openZip, type Zip } from "./wire/zip.ts";

export const pytorch: Reader = {
  name: format,
  extensions: [".pt2", ".pt", ".pth", ".safetensors"],
  sniff: (bytes) => isSafetensors(bytes) || isBarePickle(bytes) || archiveOf(bytes) !== undefined || architectureOf(bytes) !== undefined,
  read: (bytes, options) => {
    if (isBarePickle(bytes) && !isStream(bytes)) {
      throw modelError("ERR_OCTAVO_FORMAT", format, "file", "it is a pickle that torch.save did not write, or cut off",
        "Save the weights: torch.save(model.state_dict(), \"model.pt\").");
    }
    const architecture = architectureOf(bytes);
    if (architecture !== undefined) return buildUntrained(architecture, options);
    if (isZip(bytes) && isExported(openZip(bytes, format))) return readExported(bytes, options);
    return buildFromArchitecture(readCheckpoint(bytes), options);
  },
};

/** Pickles of protocol 2 to 5 begin with 0x80 and the number; so may the length of a safetensors header. */
const isBarePickle = (bytes: Uint8Array): boolean => bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5 && !isSafetensors(bytes);

/** An archive with entries that PyTorch writes. */
function archiveOf(bytes: Uint8Array): Zip | undefined {
  try {
    const zip = isZip(bytes) ? openZip(bytes, format) : undefined;
    return zip && (isExported(zip) || zip.names.some((n) => /(^|\/)data\.pkl$/.test(n))) ? zip : undefined;
  } catch {
    return undefined;
  }
}
