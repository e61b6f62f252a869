/**
 * conv2dI8 with relaxed dot products. A tile of x, zero points around it, is copied once, flipped; a window is then KH runs
 * of bytes in it, which the core reads where they lie, of six output pixels at a time. Windows that are no such runs are
 * copied one by one. The last pixels of a tile, and of y, are computed twice rather than fewer at a time.
 */
import { positions } from "../window";
import { Conv2dI8, MANY, expands, hasRuns, outputOfConv, paddedRun, weightColumns } from "./conv2d.i8";
import { packPixel } from "./conv2d.i8.window";
import { ROWS, ROWS_BYTES, Rows, correctBiases, multiplyRows } from "./gemm.i8.relaxed";
import { flippedSum, multiplyRowRelaxed } from "./matvec.i8.relaxed";
import { fillTile, flipBytes } from "./tile.relaxed";

/** What a copy writes too much. */
const GAP: i32 = 16;

/** In scratch: Rows · biases of one group · weights · tile, or rows apart by K and GAP */
export function convolveRelaxed(p: Conv2dI8, rule: i32, flips: i32, part: i32, parts: i32): void {
  const pixels = <i32>positions(p);
  if (hasRuns(p) && p.zw == 0 && fillsBlocks(pixels) && multiplyTiles(p, rule, flips, part, parts)) return;
  for (let g = 0; g < p.groups; g++) {
    if (pixels < MANY) multiplySingly(p, rule, flips, g, part, parts);
    else multiplyWindows(p, rule, flips, g, part, parts);
  }
}

/** Of few pixels, blocks of six are worth it where less than a quarter of them is computed twice. */
function fillsBlocks(pixels: i32): bool {
  return 4 * pixels > 3 * ROWS * ((pixels + ROWS - 1) / ROWS);
}

/** Few pixels, one by one. */
function multiplySingly(p: Conv2dI8, rule: i32, flips: i32, g: i32, part: i32, parts: i32): void {
  const Og = p.O / p.groups, o = g * ((Og + 7) & ~7), K = weightColumns(p), row = p.t + ROWS_BYTES;
  for (let pixel = part, pixels = <i32>positions(p); pixel < pixels; pixel += parts) {
    const y = packPixel(p, pixel, g, row);
    multiplyRowRelaxed(outputOfConv(p), rule, row, K, flips, p.w + o * K, p.b + 4 * o, -p.zw * sumOfRow(row, K), o, Og, y);
  }
}

/** Windows of group g, one row of K bytes each. */
function multiplyWindows(p: Conv2dI8, rule: i32, flips: i32, g: i32, part: i32, parts: i32): void {
  const Og = p.O / p.groups, padded = (Og + 7) & ~7, o = g * padded, K = weightColumns(p), w = p.w + o * K, stride = K + GAP, biases = p.t + ROWS_BYTES, rows = biases + 4 * padded;
  correctBiases(p.b + 4 * o, w, padded, K, flips, biases);
  for (let block = ROWS * part, pixels = <i32>positions(p); block < pixels; block += ROWS * parts) {
    let y: usize = 0;
    for (let r = 0, row = rows, at = p.t; r < ROWS; r++, row += stride, at += 4) {
      const to = packPixel(p, min(block, pixels - ROWS) + r, g, row);
      store<i32>(at, -p.zw * sumOfRow(row, K), offsetof<Rows>("s0"));
      flipBytes(row, row, K, i8x16.splat(<i8>flips));
      if (r == 0) y = to;
      else {
        store<i32>(at - 4, row - rows, offsetof<Rows>("x1"));
        store<i32>(at - 4, to - y, offsetof<Rows>("y1"));
      }
    }
    multiplyRows(outputOfConv(p), rule, changetype<Rows>(p.t), p.zw != 0, rows, K, 1, 1, w, biases, o, Og, y, 1, 0, 0);
  }
}

/** Σ of bytes, whose first operand is signed everywhere. */
function sumOfRow(row: usize, K: i32): i32 {
  return flippedSum(row, K, 1);
}

/** All of a convolution whose windows are runs; false where not even six pixels of y fit into the scratch. */
function multiplyTiles(p: Conv2dI8, rule: i32, flips: i32, part: i32, parts: i32): bool {
  const O = (p.O + 7) & ~7, K = weightColumns(p), isAligned = (paddedRun(p) & 3) == 0, biases = p.t + ROWS_BYTES, weights = biases + 4 * O, tile = weights + (isAligned ? 0 : p.KH * alignedRun(p) * O);
  const room = <i32>(p.t + ROWS_BYTES + (expands(p) ? 2 * K * O : 0) - tile) + 8 * (K + 32) + 5 * (paddedRun(p) + 32) - 2 * GAP, span = (p.KH - 1) * p.dilationH + 1, fits = (room / span / p.C - p.KW) / p.strideW + 1;
  const isWide = fits < p.OW, width = isWide ? fits - fits % ROWS : p.OW, rows = isWide ? 1 : min(p.OH, (room / p.C / columnsOf(p, width) - span) / p.strideH + 1);
  if (rows * width < ROWS) return false;
  correctBiases(p.b, p.w, O, K, flips, biases);
  if (!isAligned) alignRuns(p, weights);
  for (let n = 0; n < p.N; n++) for (let i = rows * part; i < p.OH; i += rows * parts) for (let j = 0; j < p.OW; j += width) {
    const top = (p.OH - i) * width < ROWS ? p.OH - rows : i, left = isWide && p.OW - j < ROWS ? p.OW - ROWS : j, high = min(rows, p.OH - top), wide = min(width, p.OW - left);
    fillTile(p, p.x + n * p.H * p.W * p.C, top * p.strideH - p.padTop, left * p.strideW - p.padLeft, (high - 1) * p.strideH + span, columnsOf(p, wide), p.C, tile, p.zx, flips);
    multiplyTile(p, rule, tile, high, wide, isAligned ? p.w : weights, biases, p.y + n * p.yBatch + top * p.yRow + left * p.yPixel);
  }
  return true;
}

/** Columns of x that `width` pixels of y see. */
function columnsOf(p: Conv2dI8, width: i32): i32 {
  return (width - 1) * p.strideW + p.KW;
}

/** Bytes of a line of the window, in whole groups of 4. */
function alignedRun(p: Conv2dI8): i32 {
  return (p.KW * p.C + 3) & ~3;
}

/** Weights of which every run begins a group of 4; those of columns behind a run are zero. */
function alignRuns(p: Conv2dI8, to: usize): void {
  const run = paddedRun(p), bytes = 8 * weightColumns(p);
  for (let w = p.w, end = w + ((p.O + 7) >> 3) * bytes; w < end; w += bytes) for (let u = 0; u < p.KH; u++) for (let k = 0; k < run; k += 4) {
    const first = u * run + k, from = w + (first >> 2) * 32, isLast = run - k < 4;
    for (let half = 0; half < 32; half += 16, to += 16) {
      const group = v128.load(from + half), columns = first & 2 ? v128.or(i32x4.shr_u(group, 16), i32x4.shl(v128.load(from + half, 32), 16)) : group;
      v128.store(to, isLast ? v128.and(columns, i32x4.splat(0xffff)) : columns);
    }
  }
}

/** `high` lines of `wide` pixels of y: six that lie in one line and those behind them at once, others where they lie. */
function multiplyTile(p: Conv2dI8, rule: i32, tile: usize, high: i32, wide: i32, w: usize, b: usize, y: usize): void {
  const across = p.strideW * p.C, line = columnsOf(p, wide) * p.C, down = p.strideH * line, pixels = high * wide, isFlat = down == wide * across && p.yRow == wide * p.yPixel;
  for (let pixel = 0; pixel < pixels;) {
    const first = min(pixel, pixels - ROWS), i = first / wide, j = first - i * wide, blocks = max(1, (isFlat ? pixels - first : wide - j) / ROWS);
    placeRows(p, j, wide, across, down - wide * across, p.yRow - wide * p.yPixel);
    multiplyRows(outputOfConv(p), rule, changetype<Rows>(p.t), false, tile + i * down + j * across, alignedRun(p), p.KH, p.dilationH * line, w, b, 0, p.O, y + i * p.yRow + j * p.yPixel, blocks, ROWS * across, ROWS * p.yPixel);
    pixel = first + blocks * ROWS;
  }
}

/** Six pixels from column j on of a line of `wide`, behind whose end the next one begins `down` and `yDown` farther. */
function placeRows(p: Conv2dI8, j: i32, wide: i32, across: i32, down: i32, yDown: i32): void {
  for (let at = p.t, end = at + 4 * (ROWS - 1), x = 0, y = 0; at < end; at += 4) {
    x += across;
    y += p.yPixel;
    if (++j == wide) {
      j = 0;
      x += down;
      y += yDown;
    }
    store<i32>(at, x, offsetof<Rows>("x1"));
    store<i32>(at, y, offsetof<Rows>("y1"));
  }
}
