/** Writes test/golden/abi-N.octavo, its input and its answers, for a release that has a new `abi`; an older one's files stay. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { ABI } from "../converter/write/layout.ts";
import { digits } from "../examples/digits.ts";
import { convert } from "../targets/converter.ts";
import { load, scalar } from "../targets/node/index.ts";

const at = (end: string) => new URL(`../test/golden/abi-${ABI}${end}`, import.meta.url), COUNT = 4, PIXELS = 784;
if (existsSync(at(".octavo")) && !process.argv.includes("--replace")) throw new Error(`abi ${ABI} has a golden file; before its release, --replace writes it anew`);
const { x } = digits(20, 2), samples = ([port]: readonly { name: string }[]) => Array.from({ length: 20 }, (_, i) => ({ [port!.name]: x.subarray(PIXELS * i, PIXELS * (i + 1)) }));
const { model } = await convert(readFileSync(new URL("../examples/models/digits-cnn.h5", import.meta.url)), { name: "digits-cnn.h5", samples }), input = digits(COUNT, 3).x;
writeFileSync(at(".octavo"), model);
writeFileSync(at(".input.f32"), new Uint8Array(input.buffer, input.byteOffset, input.byteLength));
writeFileSync(at(".output.f32"), new Uint8Array((await load(model, { builds: [scalar] })).run(input).buffer));
