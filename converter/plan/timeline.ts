/** Lifetimes by time: what is in use during another is found without a look at the rest. */
type Span = { first: number; last: number };

/**
 * A segment tree over the times from −1 on: node i holds what is in use throughout its part (leaf `leaves + t + 1` is the time t,
 * node i / 2 both halves); of the nodes on the way from a leaf to the root, exactly one holds what is in use then.
 */
export class Timeline<T extends Span> {
  private readonly leaves: number;
  private readonly nodes: T[][] = [];
  private readonly starting: T[][] = [];

  /** @param spans all that will be asked for or added */
  constructor(spans: readonly Span[]) {
    this.leaves = spans.reduce((n, s) => Math.max(n, s.last + 2), 1);
  }

  add(item: T): T {
    (this.starting[item.first + 1] ??= []).push(item);
    for (let from = this.leaves + item.first + 1, end = this.leaves + item.last + 2; from < end; from >>= 1, end >>= 1) {
      if (from & 1) (this.nodes[from++] ??= []).push(item);
      if (end & 1) (this.nodes[--end] ??= []).push(item);
    }
    return item;
  }

  /** Those in use at any time from `first` to `last`, each once: in use at `first`, or starting later. */
  during({ first, last }: Span): T[] {
    const found: T[][] = [];
    for (let node = this.leaves + first + 1; node > 0; node >>= 1) found.push(this.nodes[node] ?? []);
    for (let at = first + 2; at <= last + 1; at++) found.push(this.starting[at] ?? []);
    return found.flat();
  }
}
