"""Python: fine-tuning through the reactor, with wasmtime (pip install wasmtime).

python train.py TRAIN-KERNELS.wasm MODEL.octavo OUT.octavo LABEL… < SAMPLES.f32    (raw float32, a sample per label)
"""
import struct
import sys
from math import isfinite

from wasmtime import Engine, Instance, Module, Store

STEPS, LEARNING_RATE, HASH, HASH_BYTES, PAGE = 20, 0.01, 96, 32, 65536


def main(kernels, path, out, *labels):
    store = Store(Engine())
    exports = Instance(store, Module.from_file(store.engine, kernels), []).exports(store)
    call = lambda name, *args: exports["octavo_" + name](store, *args)
    memory = exports["memory"]
    floats = lambda values, to: memory.write(store, struct.pack(f"<{len(values)}f", *values), to)
    file, samples, labels = bytearray(open(path, "rb").read()), sys.stdin.buffer.read(), [float(label) for label in labels]

    at = call("alloc", len(file))
    memory.write(store, file, at)
    if call("load", at, len(file)):
        sys.exit("the model is refused")
    if call("train_start"):
        sys.exit("the model does not train: convert it with --trainable")
    rows = call("train_batch")
    size = len(samples) // len(labels)

    def give(first):
        """Samples from number `first` on, as many as are taken at a time; used up by the next call. Rows that are missing are zero and count nothing."""
        own = labels[first : first + rows]
        missing = rows - len(own)
        memory.write(store, samples[size * first : size * (first + rows)] + bytes(size * missing), call("train_input", 0))
        floats(own + [0] * missing, call("train_labels"))
        floats([1 / len(labels)] * len(own) + [0] * missing, call("train_weights"))

    floats([LEARNING_RATE], call("train_hyper") + 4)
    for step in range(STEPS):
        loss = 0
        for first in range(0, len(labels), rows):
            give(first)
            loss += call("train_gradient")  # added to those of the samples before
        if not isfinite(loss) or not call("train_update"):
            sys.exit("loss or gradients are not finite")
        print(f"step {step}: loss {loss}", file=sys.stderr)
    if call("commit"):
        sys.exit("the trained model is refused")

    # The model of now replaces the first bytes of the file; its hash is computed with its own bytes zero, in memory that is grown for that.
    image = call("save")
    file[:image] = memory.read(store, at, at + image)
    file[HASH : HASH + HASH_BYTES] = bytes(HASH_BYTES)
    room = memory.data_len(store)
    memory.grow(store, -(-(len(file) + HASH_BYTES) // PAGE))
    memory.write(store, file, room)
    call("sha256", room, len(file), room + len(file))
    file[HASH : HASH + HASH_BYTES] = memory.read(store, room + len(file), room + len(file) + HASH_BYTES)
    open(out, "wb").write(file)


main(*sys.argv[1:])
