/** What the figures were measured on. */
import { readFileSync } from "node:fs";
import os from "node:os";

export interface Machine { processor: string; cores: number; memoryGb: number; system: string; instructions: string[]; date: string }

/** Instruction sets that matter to engines: x86 names them in /proc/cpuinfo. */
const telling = ["avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"];

export function machine(): Machine {
  const [cpu] = os.cpus(), flags = new Set(os.platform() === "linux" ? readFileSync("/proc/cpuinfo", "utf8").split(/[\s:]+/) : []);
  return {
    processor: cpu?.model ?? "?", cores: os.cpus().length, memoryGb: Math.round(os.totalmem() / 2 ** 30), system: `${os.type()} ${os.arch()}`,
    instructions: telling.filter((f) => flags.has(f)), date: new Date().toISOString().slice(0, 10),
  };
}
