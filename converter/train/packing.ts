/** Where the numbers of a parameter lie in the packed weights of inference: as strided copies, which run in either direction. */
import type { LoweringContext, Operand } from "../lower/context.ts";
import { paddedTo8 } from "../lower/gates.ts";
import { copyStrided } from "../lower/move.ts";

interface Side { start: number; strides: readonly number[] }
/** Elements of `shape`, in the order of the graph and as packed. */
export interface Move { shape: readonly number[]; plain: Side; packed: Side }

export function pack(c: LoweringContext, moves: readonly Move[], bytes: number, from: Operand, to: Operand): void {
  for (const { shape, plain, packed } of moves) copyStrided(c, shape, bytes, { at: from, ...plain }, { at: to, ...packed });
}

export function unpack(c: LoweringContext, moves: readonly Move[], bytes: number, from: Operand, to: Operand): void {
  for (const { shape, plain, packed } of moves) copyStrided(c, shape, bytes, { at: from, ...packed }, { at: to, ...plain });
}

/** Rows in groups of H, each padded to a multiple of 8. */
export interface Groups { G: number; H: number }

/** [G·H] → [G·P] */
export const padded = ({ G, H }: Groups): Move[] => [{ shape: [G, H], plain: { start: 0, strides: [H, 1] }, packed: { start: 0, strides: [paddedTo8(H), 1] } }];

/** [n] as it is. */
export const plain = (n: number): Move[] => [{ shape: [n], plain: { start: 0, strides: [1] }, packed: { start: 0, strides: [1] } }];

/** Of one group: whole blocks of 8 rows, then what is left. */
function rowBlocks(H: number): { first: number; blocks: number; rows: number }[] {
  const whole = H >> 3, rest = H & 7;
  return [...(whole ? [{ first: 0, blocks: whole, rows: 8 }] : []), ...(rest ? [{ first: 8 * whole, blocks: 1, rows: rest }] : [])];
}

/** [G·H,K] → [G·P/8][K][8] */
export const columnsOf8 = ({ G, H }: Groups, K: number): Move[] => Array.from({ length: G }, (_, g) => rowBlocks(H).map(({ first, blocks, rows }): Move => ({
  shape: [blocks, rows, K],
  plain: { start: (g * H + first) * K, strides: [8 * K, K, 1] }, packed: { start: (g * paddedTo8(H) + first) * K, strides: [8 * K, 1, 8] },
}))).flat();

/** [G·H,K] → "c4": [G·P/8][ceil(K/4)][8][4] */
export const quadsOf8 = ({ G, H }: Groups, K: number): Move[] => Array.from({ length: G }, (_, g) => rowBlocks(H).flatMap(({ first, blocks, rows }): Move[] => {
  const steps = Math.ceil(K / 4), whole = K >> 2, rest = K & 3, from = (g * H + first) * K, to = (g * paddedTo8(H) + first) * 4 * steps;
  const part = (columns: number, quads: number, start: number): Move => ({
    shape: [blocks, quads, rows, columns],
    plain: { start: from + 4 * start, strides: [8 * K, 4, K, 1] }, packed: { start: to + 32 * start, strides: [32 * steps, 32, 4, 1] },
  });
  return [...(whole ? [part(4, whole, 0)] : []), ...(rest ? [part(rest, 1, whole)] : [])];
})).flat();

/** [O,count·run] → [O,K], every run padded to `padded` columns. */
export const runs = (O: number, count: number, run: number, padded: number, K: number): Move[] =>
  [{ shape: [O, count, run], plain: { start: 0, strides: [count * run, run, 1] }, packed: { start: 0, strides: [K, padded, 1] } }];

/** [O,KH,KW] → [O/8][KH][ceil(KW/2)][8][2] */
export const pairsOf8 = (O: number, KH: number, KW: number): Move[] => rowBlocks(O).flatMap(({ first, blocks, rows }): Move[] => {
  const pairs = Math.ceil(KW / 2), whole = KW >> 1, row = KH * KW;
  const part = (columns: number, count: number, start: number): Move => ({
    shape: [blocks, KH, count, rows, columns],
    plain: { start: first * row + 2 * start, strides: [8 * row, KW, 2, row, 1] }, packed: { start: first * KH * pairs * 2 + 16 * start, strides: [16 * KH * pairs, 16 * pairs, 16, 2, 1] },
  });
  return [...(whole ? [part(2, whole, 0)] : []), ...(KW & 1 ? [part(1, 1, whole)] : [])];
});

/** [C,taps] → [taps,C] */
export const channelsLast = (C: number, taps: number): Move[] => [{ shape: [taps, C], plain: { start: 0, strides: [1, taps] }, packed: { start: 0, strides: [C, 1] } }];

/** [O,taps,C] → [O,chosen,C]; a tap of −1 is nowhere and stays zero. */
export const tapsOf = (O: number, taps: number, C: number, chosen: readonly number[]): Move[] => chosen.flatMap((tap, t): Move[] => (tap < 0 ? [] : [{
  shape: [O, C], plain: { start: tap * C, strides: [taps * C, 1] }, packed: { start: t * C, strides: [chosen.length * C, 1] },
}]));
