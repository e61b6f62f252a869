/** The JSON that says how raw data become inputs: read by name and type, nothing unknown in it. */
import { OctavoError } from "../errors.ts";

export class Settings {
  private readonly values: Record<string, unknown>;
  private readonly used = new Set(["kind"]);

  /** @throws OctavoError ERR_OCTAVO_FORMAT where `values` say nothing, or how something else is prepared */
  constructor(values: object | undefined, kind: string) {
    this.values = { ...values };
    if (this.values.kind !== kind) throw new OctavoError("ERR_OCTAVO_FORMAT", `preprocess: ${values ? `its kind is ${JSON.stringify(this.values.kind)}` : "it is missing"}, expected kind "${kind}". See docs/preprocess.md.`);
  }

  number(name: string, otherwise: number, least = -Infinity): number {
    const value = this.get(name) ?? otherwise;
    return typeof value === "number" && Number.isFinite(value) && value >= least ? value : this.wrong(name, least > -Infinity ? `a number from ${least}` : "a number");
  }

  /** A whole number from 1. */
  count(name: string, otherwise: number): number {
    const value = this.number(name, otherwise, 1);
    return Number.isInteger(value) && value <= 2 ** 24 ? value : this.wrong(name, "a whole number from 1");
  }

  choice<T extends string>(name: string, otherwise: T, choices: readonly T[]): T {
    const value = this.get(name) ?? otherwise;
    return choices.find((c) => c === value) ?? this.wrong(name, choices.map((c) => `"${c}"`).join(" or "));
  }

  /** `length` numbers; one stands for all of them. */
  numbers(name: string, length: number, otherwise: number): number[] {
    const value = this.get(name) ?? otherwise, list = Array.isArray(value) ? value : new Array<unknown>(length).fill(value);
    const valid = list.length === length && list.every((v) => typeof v === "number" && Number.isFinite(v));
    return valid ? (list as number[]) : this.wrong(name, `a number, or ${length}`);
  }

  /** Refuses a value that is of the right type and still of no use. */
  demand(valid: boolean, name: string, expected: string): void {
    if (!valid) this.wrong(name, expected);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Refuses names that were not asked for. */
  done(): void {
    const unknown = Object.keys(this.values).find((name) => !this.used.has(name));
    if (unknown !== undefined) throw new OctavoError("ERR_OCTAVO_FORMAT", `preprocess: it has "${unknown}", expected some of ${[...this.used].join(", ")}. See docs/preprocess.md.`);
  }

  private get(name: string): unknown {
    this.used.add(name);
    return this.values[name] ?? undefined;
  }

  private wrong(name: string, expected: string): never {
    throw new OctavoError("ERR_OCTAVO_FORMAT", `preprocess: ${name} is ${JSON.stringify(this.values[name])}, expected ${expected}. See docs/preprocess.md.`);
  }
}

/** An input of a model, as `model.inputs` describes it. */
export interface InputPort { name: string; shape: readonly number[]; layout: string }

export const misfit = (port: InputPort, problem: string): never => {
  throw new OctavoError("ERR_OCTAVO_SHAPE", `input "${port.name}" of shape [${port.shape.join(",")}]: ${problem}. See docs/preprocess.md.`);
};
