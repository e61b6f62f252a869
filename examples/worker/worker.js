/** POST a 28 × 28 grey image, get the digit: 784 bytes as application/octet-stream, or { "pixels": [784 numbers in 0 … 255] }. */
import { load, OctavoError } from "octavo";
import digits from "./digits.octavo";

const PIXELS = 784, MOST_BYTES = 16384;

/** One model per isolate, made by the first request: nothing is instantiated at module scope. */
let model;
const ready = () => (model ??= load(digits));

class Refusal extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

export default {
  async fetch(request) {
    try {
      return Response.json(await classify(request));
    } catch (error) {
      if (error instanceof Refusal) return Response.json({ error: error.message }, { status: error.status });
      if (error instanceof OctavoError) return Response.json({ error: error.message, code: error.code }, { status: 500 });
      throw error;
    }
  },
};

async function classify(request) {
  if (request.method !== "POST") throw new Refusal(405, `method ${request.method}, expected POST`);
  const pixels = await readPixels(request), net = await ready();
  const probabilities = net.run(Float32Array.from(pixels, (v) => v / 255)), digit = probabilities.indexOf(Math.max(...probabilities));
  return { digit, probability: probabilities[digit], probabilities: [...probabilities] };
}

async function readPixels(request) {
  const type = (request.headers.get("content-type") ?? "").split(";")[0].trim(), body = await readBody(request);
  if (type === "application/octet-stream") return expectPixels(body);
  if (type === "application/json") return expectPixels(parse(body));
  throw new Refusal(415, `content type "${type}", expected application/octet-stream or application/json`);
}

/** Never more than MOST_BYTES in memory, whatever the header says. */
async function readBody(request) {
  const tooLarge = new Refusal(413, `the body is larger than ${MOST_BYTES} bytes`), chunks = [];
  if (Number(request.headers.get("content-length")) > MOST_BYTES) throw tooLarge;
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > MOST_BYTES) throw tooLarge;
    chunks.push(chunk);
  }
  if (!length) throw new Refusal(400, "the body is empty");
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function parse(body) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)).pixels;
  } catch {
    throw new Refusal(400, "the body is no JSON object in UTF-8");
  }
}

function expectPixels(values) {
  if (!Array.isArray(values) && !(values instanceof Uint8Array)) throw new Refusal(422, `no array of pixels, expected ${PIXELS} numbers`);
  if (values.length !== PIXELS) throw new Refusal(422, `${values.length} pixels, expected ${PIXELS} (28 rows of 28)`);
  if (!values.every((v) => typeof v === "number" && v >= 0 && v <= 255)) throw new Refusal(422, "a pixel is no number in 0 … 255");
  return values;
}
