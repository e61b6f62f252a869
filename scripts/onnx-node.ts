/**
 * Prints how ONNX's node tests fare, by operator: read by the ONNX reader, computed by the float evaluator or by the kernels of a build.
 * Usage: node scripts/onnx-node.ts [--kernels=scalar|simd|relaxed] [--failures] [operator …]; OCTAVO_ONNX_NODE names another folder of cases.
 */
import { relaxed, scalar, simd } from "../targets/node/index.ts";
import { byKernels, cases, readCase, runCase, type Result } from "../test/formats/onnx-suite.ts";

const build = process.argv.find((a) => a.startsWith("--kernels="))?.slice("--kernels=".length);
const compute = build === undefined ? undefined : byKernels([scalar, simd, relaxed].find((b) => b.name === build)!);

const wanted = process.argv.slice(2).filter((a) => !a.startsWith("--")), details = process.argv.includes("--failures");
const rows = new Map<string, Record<Result["status"], number>>(), problems: string[] = [];
const total = { passed: 0, refused: 0, failed: 0 };

for (const name of cases()) {
  let c;
  try {
    c = readCase(name);
  } catch (e) {
    total.refused++;
    problems.push(`refused ${name}: ${(e as Error).message}`);
    continue;
  }
  if (wanted.length && !c.ops.some((op) => wanted.includes(op))) continue;
  const result = await runCase(c, undefined, compute);
  total[result.status]++;
  for (const op of c.ops) {
    const row = rows.get(op) ?? { passed: 0, refused: 0, failed: 0 };
    row[result.status]++;
    rows.set(op, row);
  }
  if (result.status !== "passed") problems.push(`${result.status} ${name}: ${result.reason}`);
}

const line = (name: string, r: Record<Result["status"], number>) => `${name.padEnd(28)}${String(r.passed).padStart(7)}${String(r.refused).padStart(9)}${String(r.failed).padStart(8)}`;
console.log(`${"operator".padEnd(28)} passed  refused  failed`);
for (const [op, row] of [...rows].sort()) if (!details || row.refused + row.failed) console.log(line(op, row));
console.log(line("all", total));
if (details) console.log(problems.join("\n"));
