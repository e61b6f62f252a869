/** Settings of one layer, read by name and type. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { flatNumbers, isObject, type Json, type JsonObject } from "../wire/json.ts";

/** Sizes, strides and counts stay below this. */
const largest = 2 ** 31 - 1;

export class Config {
  readonly values: JsonObject;
  private readonly g: GraphBuilder;

  constructor(values: Json | undefined, g: GraphBuilder) {
    this.values = isObject(values) ? values : {};
    this.g = g;
  }

  /** null counts as missing. */
  has(name: string): boolean {
    return this.values[name] !== undefined && this.values[name] !== null;
  }

  json(name: string): Json | undefined {
    return this.values[name];
  }

  bool(name: string, otherwise: boolean): boolean {
    const value = this.has(name) ? this.values[name] : otherwise;
    return typeof value === "boolean" || typeof value === "number" ? Boolean(value) : this.wrong(name, "true or false");
  }

  string(name: string, otherwise?: string): string {
    const value = this.has(name) ? this.values[name] : otherwise;
    return typeof value === "string" ? value : this.wrong(name, "a text");
  }

  /** One of `choices`. */
  choice<T extends string>(name: string, otherwise: T, choices: readonly T[]): T {
    const value = this.string(name, otherwise);
    return choices.find((c) => c === value) ?? this.wrong(name, choices.map((c) => `"${c}"`).join(" or "));
  }

  number(name: string, otherwise?: number): number {
    const value = this.has(name) ? this.values[name] : otherwise;
    return typeof value === "number" ? value : this.wrong(name, "a number");
  }

  int(name: string, otherwise?: number, least = -largest): number {
    const value = this.number(name, otherwise);
    return Number.isInteger(value) && value >= least && value <= largest ? value : this.wrong(name, `a whole number from ${least}`);
  }

  /** `count` whole numbers; one number stands for all of them. */
  ints(name: string, count: number, otherwise?: number[], least = 1): number[] {
    const value = this.has(name) ? this.values[name] : otherwise;
    const list = Array.isArray(value) ? value : new Array<Json | undefined>(count).fill(value);
    const valid = list.length === count && list.every((v) => Number.isInteger(v) && (v as number) >= least && (v as number) <= largest);
    return valid ? (list as number[]) : this.wrong(name, `${count} whole numbers from ${least}`);
  }

  /** Any number of numbers, nested or not. */
  numbers(name: string): number[] {
    return flatNumbers(this.values[name]) ?? this.wrong(name, "numbers");
  }

  wrong(name: string, expected: string): never {
    return this.g.fail(`${name} is ${JSON.stringify(this.values[name]) ?? "missing"}, expected ${expected}`, "Save the model again.",
      "ERR_OCTAVO_FORMAT");
  }

  /** Refuses other values of a setting than this one. */
  only(name: string, supported: Json, remedy: string): void {
    if (this.has(name) && JSON.stringify(this.values[name]) !== JSON.stringify(supported)) {
      this.g.fail(`${name} is ${JSON.stringify(this.values[name])}, expected ${JSON.stringify(supported)}`, remedy);
    }
  }
}
