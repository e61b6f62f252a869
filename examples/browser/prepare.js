/** A drawing → the input that MNIST models were trained on. */

const SIDE = 28, FIGURE = 20;

/**
 * The figure scaled to 20 × 20, its centre of mass in the middle of 28 × 28, white on black.
 * @param {CanvasRenderingContext2D} context of the drawing
 * @returns {Float32Array | undefined} f32 [28,28] in 0 … 1, undefined for an empty drawing
 */
export function prepare(context) {
  const { width, height } = context.canvas, box = boundsOf(context.getImageData(0, 0, width, height));
  if (!box) return undefined;
  const scale = FIGURE / Math.max(box.width, box.height), small = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
  const x = (SIDE - box.width * scale) / 2, y = (SIDE - box.height * scale) / 2, mass = centreOf(scaled(small, context.canvas, box, scale, x, y));
  return scaled(small, context.canvas, box, scale, x + SIDE / 2 - mass.x, y + SIDE / 2 - mass.y);
}

/** The part `box` of the drawing at (x, y) of 28 × 28. */
function scaled(small, canvas, box, scale, x, y) {
  small.fillRect(0, 0, SIDE, SIDE);
  small.imageSmoothingQuality = "high";
  small.drawImage(canvas, box.left, box.top, box.width, box.height, x, y, box.width * scale, box.height * scale);
  const { data } = small.getImageData(0, 0, SIDE, SIDE);
  return Float32Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i] / 255);
}

function boundsOf({ data, width, height }) {
  let left = width, right = -1, top = height, bottom = -1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[4 * (y * width + x)] < 64) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function centreOf(values) {
  let sum = 0, x = 0, y = 0;
  values.forEach((v, i) => {
    sum += v;
    x += v * ((i % SIDE) + 0.5);
    y += v * (Math.floor(i / SIDE) + 0.5);
  });
  return { x: x / sum, y: y / sum };
}
