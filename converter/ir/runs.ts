/** Ascending numbers as runs: `count` numbers from `first` on, which stand from position `at` on. */
export interface Run { first: number; count: number; at: number }

export function runsIn(numbers: readonly number[]): Run[] {
  const runs: Run[] = [];
  numbers.forEach((n, at) => {
    const last = runs.at(-1);
    if (last && last.first + last.count === n) last.count++;
    else runs.push({ first: n, count: 1, at });
  });
  return runs;
}

/** [3, 8, 9, 10] → "3,8:11" */
export const runsText = (numbers: readonly number[]): string => runsIn(numbers).map(({ first, count }) => (count === 1 ? `${first}` : `${first}:${first + count}`)).join(",");

/** undefined where the text is not that of ascending numbers below `limit`. */
export function runsOfText(text: string, limit: number): number[] | undefined {
  const numbers: number[] = [];
  for (const run of text.split(",")) {
    const [first, end = first! + 1] = run.split(":").map(Number);
    if (!(end <= limit)) return undefined;
    for (let n = first!; n < end; n++) numbers.push(n);
  }
  return numbers.length && runsText(numbers) === text ? numbers : undefined;
}
