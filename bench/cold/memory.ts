/** Linear memory of every WebAssembly instance made after `watchMemory()`: the answer sums their bytes. */
export function watchMemory(): () => number {
  const memories = new Set<WebAssembly.Memory>(), W = WebAssembly as any, { Instance } = W;
  const note = (values: object | undefined) => { for (const v of Object.values(values ?? {})) if (v instanceof W.Memory) memories.add(v as WebAssembly.Memory); };
  const imports = (given: object | undefined) => Object.values(given ?? {}).forEach((m) => note(m as object));
  const made = (result: any) => { note((result.instance ?? result).exports); return result; };
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const original = W[name];
    W[name] = (source: unknown, given?: object) => { imports(given); return original.call(W, source, given).then(made); };
  }
  W.Instance = new Proxy(Instance, { construct: (target, [module, given]) => { imports(given); return made(new target(module, given)); } });
  return () => [...memories].reduce((n, m) => n + m.buffer.byteLength, 0);
}
