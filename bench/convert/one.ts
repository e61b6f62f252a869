/** One conversion, alone in its process: `node one.ts FILE PRECISION`; prints JSON. */
import { readFileSync } from "node:fs";
import { convert, type Precision } from "../../converter/convert.ts";

/** The most bytes that the process held. Linux's maxRSS counts the parent at the time of the fork too. */
function peak(): number {
  const status = process.platform === "linux" ? /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] : undefined;
  return 1024 * (status ? Number(status) : process.resourceUsage().maxRSS);
}

const bytes = new Uint8Array(readFileSync(process.argv[2]!)), precision = process.argv[3] as Precision, before = process.memoryUsage().rss, start = performance.now();
const { model } = await convert(bytes, {
  name: "made.onnx", precision,
  samples: ([port]) => [0, 1].map((phase) => ({ [port!.name]: Float32Array.from({ length: port!.shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.sin(i + phase)) })),
});
console.log(JSON.stringify({ source: bytes.length, model: model.length, ms: performance.now() - start, peak: peak() - before }));
