// After tsc: the command line becomes executable.
import { chmodSync, existsSync } from "node:fs";

const bin = "dist/targets/cli/octavo.js";
if (existsSync(bin)) chmodSync(bin, 0o755);
