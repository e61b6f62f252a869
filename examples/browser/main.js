/** The page: draws, asks the model while drawing, shows what it says. Works offline once it was open. */
import { startLesson } from "./lesson.js";
import { load } from "./octavo.js";
import { prepare } from "./prepare.js";

const element = (id) => document.getElementById(id), pad = element("pad"), context = pad.getContext("2d", { willReadFrequently: true });
const PEN = 20, DIGITS = Array.from({ length: 10 }, (_, i) => String(i));
/** What the model's outputs mean: the digits, and a symbol once it was taught. */
let names = DIGITS;

function startDrawing(onChange) {
  let last;
  const point = (e) => ({ x: (e.offsetX * pad.width) / pad.clientWidth, y: (e.offsetY * pad.height) / pad.clientHeight });
  const line = (to) => {
    context.beginPath();
    context.moveTo(last.x, last.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    last = to;
    onChange();
  };
  pad.addEventListener("pointerdown", (e) => {
    pad.setPointerCapture(e.pointerId);
    last = point(e);
    line({ x: last.x + 0.1, y: last.y });
  });
  pad.addEventListener("pointermove", (e) => last && e.getCoalescedEvents().concat(e).forEach((p) => line(point(p))));
  for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, () => { last = undefined; });
}

function clear() {
  context.fillRect(0, 0, pad.width, pad.height);
  Object.assign(context, { strokeStyle: "#fff", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
  show();
}

function makeBars() {
  element("bars").replaceChildren(...names.map((name) => {
    const row = document.createElement("li"), meter = Object.assign(document.createElement("meter"), { max: 1, value: 0 });
    meter.setAttribute("aria-label", `probability of ${name}`);
    row.append(Object.assign(document.createElement("span"), { textContent: name }), meter, document.createElement("span"));
    return row;
  }));
}

/** @param {Float32Array} [answer] probabilities of the model's classes; none: an empty drawing */
function show(answer) {
  const known = answer?.subarray(0, names.length), best = known ? known.indexOf(Math.max(...known)) : -1;
  element("digit").textContent = best < 0 ? "–" : names[best];
  [...element("bars").children].forEach((row, i) => {
    const p = known?.[i] ?? 0;
    row.classList.toggle("best", i === best);
    row.children[1].value = p;
    row.children[2].textContent = `${(100 * p).toFixed(1)} %`;
  });
}

function fact(name, value) {
  const facts = element("facts"), row = facts.querySelector(`[data-name="${name}"]`) ?? facts.appendChild(Object.assign(document.createElement("div"), { innerHTML: "<dt></dt><dd></dd>" }));
  row.dataset.name = name;
  row.children[0].textContent = name;
  row.children[1].textContent = value;
}

/** Asks at most once per frame. */
function askOncePerFrame(model) {
  let waiting = false;
  const ask = () => {
    waiting = false;
    const x = prepare(context);
    if (!x) return show();
    const start = performance.now(), y = model.run(x);
    fact("one answer", `${(performance.now() - start).toFixed(2)} ms`);
    show(y);
  };
  return () => {
    if (!waiting) requestAnimationFrame(ask);
    waiting = true;
  };
}

const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;

async function main() {
  makeBars();
  clear();
  element("clear").addEventListener("click", clear);
  const start = performance.now(), model = await load(new URL("digits.octavo", import.meta.url));
  fact("loaded in", `${(performance.now() - start).toFixed(0)} ms`);
  fact("model", kilobytes(model.memory.file));
  const script = performance.getEntriesByType("resource").find((r) => r.name.endsWith("octavo.js"));
  if (script?.decodedBodySize) fact("SDK and kernels", kilobytes(script.decodedBodySize));
  fact("memory", kilobytes(model.memory.linear));
  fact("kernels", model.build);
  startDrawing(askOncePerFrame(model));
  await startLesson(model, () => prepare(context), clear, (symbol) => {
    names = symbol ? [...DIGITS, symbol] : DIGITS;
    makeBars();
    show();
  });
  element("status").textContent = "Ready. The model runs on this device; nothing is sent anywhere.";
}

main().catch((error) => {
  element("status").classList.add("error");
  element("status").textContent = error.message;
});
if ("serviceWorker" in navigator) navigator.serviceWorker.register("service-worker.js");
