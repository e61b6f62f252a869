/** `--cold`: from nothing to the first answer, beyond an empty process and an empty page. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { coldPages, coldProcesses, ourPages, ourProgram } from "../cold.ts";
import type { Figures, Part } from "../figures.ts";
import { smallModel } from "./memory.ts";

type Times = { ms: number; medianMs: number };
const beyond = (ours: Times, empty: Times) =>
  `${empty.ms.toFixed(1)} ms, first answer ${(ours.ms - empty.ms).toFixed(1)} ms beyond it (medians: ${empty.medianMs.toFixed(1)}, ${(ours.medianMs - empty.medianMs).toFixed(1)})`;

export const coldStart: Part = {
  name: "cold start", better: "less", tolerance: 0.5,
  async measure() {
    const folder = mkdtempSync(path.join(os.tmpdir(), "octavo-cold-")), { name, file } = await smallModel(), figures: Figures = {};
    writeFileSync(path.join(folder, "model.octavo"), file);
    const { empty, octavo } = coldProcesses({ empty: [process.execPath, "-e", "0"], octavo: [process.execPath, ourProgram(folder, "model.octavo")] }, 20);
    console.log(`\n${name}, Node ${process.version}: \`node -e 0\` ${beyond(octavo!, empty!)}`);
    figures["process, beyond an empty one, in empty processes"] = (octavo!.ms - empty!.ms) / empty!.ms;
    if (existsSync(process.env.CHROMIUM ?? "/usr/bin/chromium")) {
      const pages = await coldPages(await ourPages("model.octavo"), { files: folder }, 8), page = pages.empty!, ours = pages.octavo!;
      console.log(`${name}, Chromium: an empty page ${beyond(ours, page)}`);
      figures["page, beyond an empty one, in empty pages"] = (ours.ms - page.ms) / page.ms;
    }
    rmSync(folder, { recursive: true });
    return figures;
  },
};
