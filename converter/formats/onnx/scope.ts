/** Names of one body of nodes: the graph's own, or of a function, a branch or an iteration that is written into it. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { noteElementType } from "./narrow.ts";
import type { GraphProto, TensorProto } from "./proto.ts";
import { readSparse, readTensor } from "./tensor.ts";

const MAX_DEPTH = 48;

export class Scope {
  readonly parent: Scope | undefined;
  readonly depth: number;
  /** Operator set versions by domain. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Name in the file → tensor of the graph. */
  readonly values = new Map<string, string>();
  /** Initializers become constants when something reads them. */
  private readonly initializers = new Map<string, (g: GraphBuilder) => string>();

  /** @param depth of bodies within bodies, over functions too, which see nothing of their caller */
  constructor(g: GraphBuilder, opsets: ReadonlyMap<string, number>, depth: number, parent?: Scope, graph?: GraphProto) {
    if (depth > MAX_DEPTH) g.fail(`bodies nest deeper than ${MAX_DEPTH}`, "A function must not call itself.", "ERR_OCTAVO_FORMAT");
    this.parent = parent;
    this.depth = depth;
    this.opsets = opsets;
    for (const t of graph?.initializer ?? []) this.initializers.set(t.name ?? "", (b) => constantOf(b, t));
    for (const t of graph?.sparseInitializer ?? []) {
      const name = t.values?.name ?? "", value = () => readSparse(t, `initializer "${name}"`);
      this.initializers.set(name, (b) => { const v = value(); return b.constant(name, v.dtype, v.shape, v.data); });
    }
  }

  hasInitializer(name: string): boolean {
    return this.initializers.has(name);
  }

  /** Where that name comes from: this scope or one around it. */
  holderOf(name: string): Scope | undefined {
    return this.values.has(name) ? this : this.parent?.holderOf(name);
  }

  /** The tensor of that name, or undefined when nothing wrote it yet. */
  find(g: GraphBuilder, name: string): string | undefined {
    const known = this.values.get(name), make = this.initializers.get(name);
    if (known !== undefined) return known;
    if (!make) return this.parent?.find(g, name);
    const made = make(g);
    this.values.set(name, made);
    return made;
  }
}

function constantOf(g: GraphBuilder, t: TensorProto): string {
  const name = t.name ?? "", value = readTensor(t, `initializer "${name}"`), made = g.constant(name, value.dtype, value.shape, value.data);
  noteElementType(g, made, t.dataType);
  return made;
}
