/** A page's last act: tells the bench when that was and how large its WebAssembly memory is. A message disturbs no page, questions would. */
export const tell = (wasmBytes: number): void => console.info("cold", performance.now(), wasmBytes);
