/** Work in slices: between them the event loop turns, so that a page draws and hears its person. */

/** The next turn of the event loop: after what waits there already. Timers of pages are held back by 4 ms, messages are not. */
function turn(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (done: () => void) => void };
  if (setImmediate) return new Promise((done) => setImmediate(done));
  if (typeof MessageChannel === "undefined") return new Promise((done) => setTimeout(done, 0));
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { port1.close(); done(); };
    port2.postMessage(0);
  });
}

/** `await pause()` after each piece of work: it takes a turn once `budgetMs` have passed since the last. */
export function slicer(budgetMs: number): () => Promise<void> | undefined {
  let start = performance.now();
  return () => performance.now() - start < budgetMs ? undefined : turn().then(() => { start = performance.now(); });
}
