"""wasmtime from PyPI: the WASI command's self-test of every case. Arguments: octavo-run.wasm, folder. Prints JSON."""
import importlib.metadata
import json
import os
import sys

import wasmtime

module_path, folder = sys.argv[1:3]
engine = wasmtime.Engine()
module = wasmtime.Module.from_file(engine, module_path)
linker = wasmtime.Linker(engine)
linker.define_wasi()
digests = []
for case in json.load(open(os.path.join(folder, "cases.json"))):
    wasi = wasmtime.WasiConfig()
    wasi.argv = ["octavo-run", "--self-test", "/models/" + case["file"]]
    wasi.preopen_dir(folder, "/models")
    wasi.stdout_file = os.path.join(folder, "wasmtime.out")
    store = wasmtime.Store(engine)
    store.set_wasi(wasi)
    try:
        linker.instantiate(store, module).exports(store)["_start"](store)
    except wasmtime.ExitTrap:
        pass
    digests.append(open(os.path.join(folder, "wasmtime.out")).read().strip())
print(json.dumps({"version": importlib.metadata.version("wasmtime"), "digests": digests}))
