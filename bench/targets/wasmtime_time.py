"""wasmtime from PyPI, as node-wasi.ts: the same arguments, the same answer. Its code cache is on, as in its command line."""
import sys
import time

import wasmtime

command, folder, source, target, count = sys.argv[1:6]
config = wasmtime.Config()
config.cache = True
engine = wasmtime.Engine(config)
module = wasmtime.Module.from_file(engine, command)
linker = wasmtime.Linker(engine)
linker.define_wasi()
times = []
for _ in range(int(count)):
    wasi = wasmtime.WasiConfig()
    wasi.argv = ["octavo-run", "/m/model.octavo"]
    wasi.preopen_dir(folder, "/m")
    wasi.stdin_file = source
    wasi.stdout_file = target
    start = time.perf_counter()
    store = wasmtime.Store(engine)
    store.set_wasi(wasi)
    try:
        linker.instantiate(store, module).exports(store)["_start"](store)
    except wasmtime.ExitTrap as end:
        if end.code:
            raise
    times.append(1000 * (time.perf_counter() - start))
print(min(times))
