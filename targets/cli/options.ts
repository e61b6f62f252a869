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

export function positiveNumber(text: string): number {
  const n = Number(text);
  if (text.trim() === "" || !(n > 0 && n < Infinity)) throw new InvalidArgumentError("Expected a positive number.");
  return n;
}

const units: Record<string, number> = { "": 1, B: 1, K: 1024, KB: 1024, KIB: 1024, M: 1048576, MB: 1048576, MIB: 1048576 };

/** Bytes: "65536", "256KB", "1.5MB"; KB is 1024 bytes. */
export function byteSize(text: string): number {
  const [, number, unit] = /^\s*([\d.]+)\s*([a-z]*)\s*$/i.exec(text) ?? [], bytes = Math.floor(Number(number) * (units[unit?.toUpperCase() ?? "?"] ?? NaN));
  if (!(bytes > 0)) throw new InvalidArgumentError("Expected a size such as 65536, 256KB or 1MB.");
  return bytes;
}

/** A number from 0 on. */
export function amount(text: string): number {
  const n = Number(text);
  if (text.trim() === "" || !(n >= 0 && n < Infinity)) throw new InvalidArgumentError("Expected a number from 0 on.");
  return n;
}

export function integer(text: string): number {
  const n = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(n)) throw new InvalidArgumentError("Expected a whole number.");
  return n;
}
