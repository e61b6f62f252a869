/** Permutations of axes as `transpose` has them: axis k of y is axis perm[k] of x. */

export const inverse = (perm: readonly number[]): number[] => perm.map((_, axis) => perm.indexOf(axis));

/** transpose(transpose(x, first), second) = transpose(x, compose(first, second)) */
export const compose = (first: readonly number[], second: readonly number[]): number[] => second.map((p) => first[p]!);

export const isIdentity = (perm: readonly number[]): boolean => perm.every((p, i) => p === i);

export const permuted = <T>(values: readonly T[], perm: readonly number[]): T[] => perm.map((p) => values[p]!);

export const equal = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((v, i) => v === b[i]);
