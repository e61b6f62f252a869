/** Node, Bun, Deno: `program.mjs FOLDER NAME…` prints latencies as JSON. */
import { readFileSync } from "node:fs";
import { simd } from "octavo";
import { relaxed } from "octavo/relaxed";
import { scalar } from "octavo/scalar";
import { latencies } from "./latency.ts";

const [folder, ...names] = process.argv.slice(2), files = Object.fromEntries(names.map((name) => [name, new Uint8Array(readFileSync(`${folder}/${name}.octavo`))]));
console.log(JSON.stringify(await latencies([scalar, simd, relaxed], files)));
