/** The Node run, in a process of its own: arguments are packages, files and options as JSON; the answer is the last line of standard output. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Entry } from "./contenders.ts";
import { hostOf } from "./node-host.ts";
import { race, type Options } from "./rounds.ts";

const { packages, files, names, options } = JSON.parse(process.argv[2]!) as { packages: string; files: string; names: string[]; options: Options };
const entries = (JSON.parse(readFileSync(path.join(files, "models.json"), "utf8")) as Entry[]).filter((e) => names.includes(e.name));
console.log(`\n${JSON.stringify(await race(entries, hostOf(packages, files), options))}`);
process.exit(0);
