/** A page that does nothing: what the browser itself takes. */
Object.assign(globalThis, { cold: { ms: performance.now(), wasmBytes: 0 } });
