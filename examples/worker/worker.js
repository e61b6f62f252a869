/** POST a 28 × 28 grey image, get the digit: 784 bytes as application/octet-stream, or { "pixels": [784 numbers in 0 … 255] }. README.md has the routes. */
import { load, OctavoError } from "octavo";
import digits from "./digits.octavo";

export { Person } from "./person.js";

const PIXELS = 784, MOST_BYTES = 16384, MOST_LESSON_BYTES = 262144, CLASSES = 11, OWN = 10;

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
  async fetch(request, env) {
    try {
      return Response.json(await answer(request, env));
    } catch (error) {
      if (error instanceof Refusal) return Response.json({ error: error.message }, { status: error.status });
      if (error instanceof OctavoError) return Response.json({ error: error.message, code: error.code }, { status: 500 });
      throw error;
    }
  },
};

/** `/`: the shipped model; `/people/NAME`: the one that this person taught by `/people/NAME/lessons`. */
async function answer(request, env) {
  const [, people, name, lessons, ...more] = new URL(request.url).pathname.split("/");
  if (!people) return classify(request, async (x) => (await ready()).run(x));
  if (people !== "people" || !name || more.length || (lessons ?? "lessons") !== "lessons") throw new Refusal(404, "no such path, expected /, /people/NAME or /people/NAME/lessons");
  const person = env.PEOPLE.get(env.PEOPLE.idFromName(name));
  if (lessons) return teach(request, person);
  if (request.method !== "DELETE") return classify(request, (x) => person.classify(x));
  await person.forget();
  return { forgotten: true };
}

const scaled = (pixels) => Float32Array.from(pixels, (v) => v / 255);

/** Class 10 is the person's own symbol, which the shipped model never answers. */
async function classify(request, run) {
  if (request.method !== "POST") throw new Refusal(405, `method ${request.method}, expected POST`);
  const probabilities = await run(scaled(await readPixels(request))), best = probabilities.indexOf(Math.max(...probabilities));
  return { ...(best === OWN ? { symbol: true } : { digit: best }), probability: probabilities[best], probabilities: [...probabilities] };
}

/** { "drawings": [{ "pixels": [784 numbers], "label": 0 … 10 }, …] } */
async function teach(request, person) {
  if (request.method !== "POST") throw new Refusal(405, `method ${request.method}, expected POST`);
  const { drawings } = parse(await readBody(request, MOST_LESSON_BYTES));
  if (!Array.isArray(drawings) || !drawings.length) throw new Refusal(422, "no drawings");
  const labels = drawings.map((d) => d?.label), x = new Float32Array(PIXELS * drawings.length);
  if (!labels.every((v) => Number.isInteger(v) && v >= 0 && v < CLASSES)) throw new Refusal(422, `a label is no class from 0 to ${CLASSES - 1}`);
  drawings.forEach((d, i) => x.set(scaled(expectPixels(d.pixels)), PIXELS * i));
  return person.teach(x, labels);
}

async function readPixels(request) {
  const type = (request.headers.get("content-type") ?? "").split(";")[0].trim(), body = await readBody(request, MOST_BYTES);
  if (type === "application/octet-stream") return expectPixels(body);
  if (type === "application/json") return expectPixels(parse(body).pixels);
  throw new Refusal(415, `content type "${type}", expected application/octet-stream or application/json`);
}

/** Never more than `most` bytes in memory, whatever the header says. */
async function readBody(request, most) {
  const tooLarge = new Refusal(413, `the body is larger than ${most} bytes`), chunks = [];
  if (Number(request.headers.get("content-length")) > most) throw tooLarge;
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > most) throw tooLarge;
    chunks.push(chunk);
  }
  if (!length) throw new Refusal(400, "the body is empty");
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function parse(body) {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    if (value !== null) return value;
  } catch {}
  throw new Refusal(400, "the body is no JSON object in UTF-8");
}

function expectPixels(values) {
  if (!Array.isArray(values) && !(values instanceof Uint8Array)) throw new Refusal(422, `no array of pixels, expected ${PIXELS} numbers`);
  if (values.length !== PIXELS) throw new Refusal(422, `${values.length} pixels, expected ${PIXELS} (28 rows of 28)`);
  if (!values.every((v) => typeof v === "number" && v >= 0 && v <= 255)) throw new Refusal(422, "a pixel is no number in 0 … 255");
  return values;
}
