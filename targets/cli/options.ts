/** Parsers of option values. A value that does not parse is wrong usage. */
import { InvalidArgumentError } from "commander";

export const repeated = (value: string, before: string[] = []): string[] => [...before, value];

export function positive(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError("Expected a positive whole number.");
  return n;
}

export function points(text: string): number {
  const n = Number(text);
  if (text.trim() === "" || !(n >= 0 && n <= 100)) throw new InvalidArgumentError("Expected points from 0 to 100.");
  return n;
}
