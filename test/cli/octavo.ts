/** Runs the command line inside the test's process. */
import { vi } from "vitest";
import { main } from "../../targets/cli/main.ts";

export interface Result { code: number; out: string; err: string }

export async function octavo(...words: (string | number)[]): Promise<Result> {
  const said = { out: "", err: "" };
  const catchTo = (stream: "out" | "err") => (text: string | Uint8Array) => ((said[stream] += text.toString()), true);
  const spies = [vi.spyOn(process.stdout, "write").mockImplementation(catchTo("out") as never), vi.spyOn(process.stderr, "write").mockImplementation(catchTo("err") as never)];
  const log = vi.spyOn(console, "log").mockImplementation((text: unknown) => void (said.out += `${text}\n`));
  try {
    return { code: await main(words.map(String)), ...said };
  } finally {
    for (const spy of [...spies, log]) spy.mockRestore();
  }
}
