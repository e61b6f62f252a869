/** Which axes of a reshape belong together: the smallest runs of axes on both sides with the same number of elements. */

export interface Group { from: number[]; to: number[] }

/** Axes of size 1 in `from` belong to nothing, those in `to` to the group that follows them, or the last. Undefined with empty tensors. */
export function groupsOf(from: readonly number[], to: readonly number[]): Group[] | undefined {
  if (from.includes(0)) return undefined;
  const groups: Group[] = [];
  let i = 0, k = 0;
  while (i < from.length && from[i] === 1) i++;
  while (i < from.length) {
    const group: Group = { from: [i], to: [] };
    let left = from[i++]!, right = 1;
    while (right !== left || right === 1) {
      if (right < left) {
        if (k >= to.length) return undefined;
        group.to.push(k);
        right *= to[k++]!;
      } else {
        if (i >= from.length) return undefined;
        group.from.push(i);
        left *= from[i++]!;
      }
    }
    group.from = group.from.filter((axis) => from[axis] !== 1);
    groups.push(group);
    while (i < from.length && from[i] === 1) i++;
  }
  const rest = to.map((_, axis) => axis).slice(k);
  if (groups.length) groups.at(-1)!.to.push(...rest);
  return groups;
}
