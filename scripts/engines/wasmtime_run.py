"""A WASI command in wasmtime from PyPI. Arguments: the module, the folder that is /models, its words. Compiled code is kept beside the cases."""
import os
import sys

from wasmtime import Engine, ExitTrap, Linker, Module, Store, WasiConfig

module_path, folder, *words = sys.argv[1:]
store, wasi, kept = Store(Engine()), WasiConfig(), os.path.join(folder, os.path.basename(module_path) + ".compiled")
if os.path.exists(kept):
    module = Module.deserialize_file(store.engine, kept)
else:
    module = Module.from_file(store.engine, module_path)
    with open(kept, "wb") as file:
        file.write(module.serialize())
wasi.argv = ["octavo", *words]
wasi.inherit_stdout()
wasi.inherit_stderr()
wasi.preopen_dir(folder, "/models")
store.set_wasi(wasi)
linker = Linker(store.engine)
linker.define_wasi()
try:
    linker.instantiate(store, module).exports(store)["_start"](store)
except ExitTrap as trap:
    sys.exit(trap.code)
