/** Where trained models are: ../shared or OCTAVO_SHARED. */
import path from "node:path";

export const modelsFolder: string = path.join(path.resolve(process.env.OCTAVO_SHARED ?? path.resolve(import.meta.dirname, "../../shared")), "models");
