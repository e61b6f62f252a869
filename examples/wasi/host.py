"""Python: the reactor through wasmtime (pip install wasmtime).

python host.py KERNELS.wasm MODEL.octavo < INPUT.f32 > OUTPUT.f32    (raw float32, one sample)
"""
import struct
import sys

from wasmtime import Engine, Instance, Module, Store

INPUT, OUTPUT = 0, 1


def port_bytes(file, kind):
    """Size of the first input or output: docs/model-file.md, section io."""
    io, length = struct.unpack_from("<II", file, 40)
    for port in range(io, io + length, 32):
        if struct.unpack_from("<I", file, port)[0] == kind:
            return struct.unpack_from("<I", file, port + 12)[0]
    raise ValueError("the model has no such port")


def main(kernels, path):
    store = Store(Engine())
    exports = Instance(store, Module.from_file(store.engine, kernels), []).exports(store)
    call = lambda name, *args: exports["octavo_" + name](store, *args)
    memory = exports["memory"]
    file, values = open(path, "rb").read(), sys.stdin.buffer.read()

    at = call("alloc", len(file))
    memory.write(store, file, at)
    if call("load", at, len(file)):
        length = call("error", at, 256)
        sys.exit("the model is refused: " + memory.read(store, at, at + length).decode("ascii"))
    if len(values) != port_bytes(file, INPUT):
        sys.exit(f"the input has {len(values)} bytes, expected {port_bytes(file, INPUT)}")
    memory.write(store, values, call("input", 0))
    call("run")
    y = call("output", 0)
    sys.stdout.buffer.write(memory.read(store, y, y + port_bytes(file, OUTPUT)))


main(*sys.argv[1:3])
