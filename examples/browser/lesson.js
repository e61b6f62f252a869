/** The part of the page where a person teaches: drawings are kept, loss and accuracy move, what was learned stays on the device. */
import { apply, learn, revert } from "./learn.js";
import { forget, recall, remember } from "./store.js";

const element = (id) => document.getElementById(id), NEEDED = 10, SIDE = 28;
const say = (text) => { element("hint").textContent = text; };

function thumbnail(x) {
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE }), pixels = new ImageData(SIDE, SIDE);
  x.forEach((v, i) => pixels.data.set([255 * v, 255 * v, 255 * v, 255], 4 * i));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return element("drawings").appendChild(document.createElement("li")).appendChild(canvas);
}

/** Draws both curves once per frame, however many steps there were. */
function curves() {
  const losses = [], accuracies = [];
  let waiting = false;
  const line = (values, top) => values.map((v, i) => `${((300 * i) / Math.max(1, values.length - 1)).toFixed(1)},${(98 - (96 * v) / top).toFixed(1)}`).join(" ");
  const draw = () => {
    waiting = false;
    document.querySelector("#curves .loss").setAttribute("points", line(losses, Math.max(...losses)));
    document.querySelector("#curves .accuracy").setAttribute("points", line(accuracies, 1));
    element("loss").textContent = losses.at(-1).toFixed(3);
    element("accuracy").textContent = `${(100 * accuracies.at(-1)).toFixed(1)} %`;
  };
  element("curves").hidden = false;
  return ({ loss, accuracy }) => {
    losses.push(loss);
    accuracies.push(accuracy);
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  };
}

/**
 * @param prepare the drawing of now as f32 [28,28], or nothing · @param clear empties the pad
 * @param onSymbol called with the symbol's name when it is known, with nothing when it is not
 */
export async function startLesson(model, prepare, clear, onSymbol) {
  const drawings = [];
  let learned = await recall();
  const update = () => {
    element("learn").disabled = drawings.length < NEEDED;
    element("forget").hidden = !learned;
    onSymbol(learned?.name);
  };
  const busy = async (work) => {
    const buttons = [...document.querySelectorAll(".lesson button")];
    buttons.forEach((b) => { b.disabled = true; });
    await work().catch((error) => say(error.message));
    buttons.forEach((b) => { b.disabled = false; });
    update();
  };

  element("keep").addEventListener("click", () => {
    const x = prepare();
    if (!x) return say("Draw something first.");
    drawings.push(x);
    thumbnail(x);
    clear();
    say(drawings.length < NEEDED ? `${drawings.length} of ${NEEDED} drawings kept.` : `${drawings.length} drawings kept: it can learn now.`);
    update();
  });

  element("learn").addEventListener("click", () => busy(async () => {
    const name = element("name").value.trim() || "★", start = performance.now();
    say("Learning; the page goes on working meanwhile.");
    const delta = await learn(model, drawings, curves());
    if (!delta) return say("It would have read digits worse, so nothing was changed. Keep more drawings, and clearer ones.");
    learned = { name, delta };
    await remember(learned);
    drawings.length = 0;
    element("drawings").replaceChildren();
    say(`Learned ${name} in ${((performance.now() - start) / 1000).toFixed(1)} s: ${(delta.length / 1024).toFixed(1)} KB, kept on this device. Draw it, or a digit.`);
  }));

  element("forget").addEventListener("click", () => busy(async () => {
    await revert(model, learned.delta);
    await forget();
    say(`${learned.name} is forgotten; the model is as it came.`);
    learned = undefined;
    element("curves").hidden = true;
  }));

  if (learned) await apply(model, learned.delta);
  if (learned) say(`It knows ${learned.name}, which you taught it.`);
  update();
}
