"""PyTorch's and Keras' side of bench/from-scratch/train.ts: the seed networks from scratch, ten epochs.

    python reference.py cnn|lstm SEED FOLDER [SHARED]

writes FOLDER/cnn-SEED.pt or lstm-SEED.keras (initial weights), TASK-SEED.order.i32 (rows of the training set, epoch by
epoch) and TASK-SEED.json (the reference's accuracy on the 2,000 test images after each epoch).
"""
import json, os, sys, time
import numpy as np

task, seed, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
shared = sys.argv[4] if len(sys.argv) > 4 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared")
EPOCHS, BATCH = 10, {"cnn": 16, "lstm": 32}[task]
os.makedirs(folder, exist_ok=True)
path = lambda end: os.path.join(folder, f"{task}-{seed}{end}")
read = lambda name: np.fromfile(os.path.join(shared, "data", name), np.uint8)


def cifar(split):
    x = read(f"cifar10/{split}-images.u8").reshape(-1, 32, 32, 3).astype(np.float32) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)), read(f"cifar10/{split}-labels.u8").astype(np.int64)


def digits(split):
    return read(f"mnist/{split}-images.u8").reshape(-1, 28, 28).astype(np.float32) / np.float32(255), read(f"mnist/{split}-labels.u8").astype(np.int64)


def cnn(order):
    import torch
    from torch import nn
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = nn.Sequential()
    for name, layer in [("conv1", nn.Conv2d(3, 32, 3, padding=1)), ("relu1", nn.ReLU()), ("pool1", nn.MaxPool2d(2)),
                        ("conv2", nn.Conv2d(32, 64, 3, padding=1)), ("relu2", nn.ReLU()), ("pool2", nn.MaxPool2d(2)),
                        ("flatten", nn.Flatten()), ("fc1", nn.Linear(64 * 8 * 8, 128)), ("relu3", nn.ReLU()), ("fc2", nn.Linear(128, 10))]:
        net.add_module(name, layer)
    torch.save(net.state_dict(), path(".pt"))
    sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    (x, y), (tx, ty) = [[torch.from_numpy(a) for a in cifar(s)] for s in ("train", "test")]
    for rows in order:
        for at in range(0, len(rows), BATCH):
            r = rows[at:at + BATCH]
            sgd.zero_grad()
            nn.functional.cross_entropy(net(x[r]), y[r]).backward()
            sgd.step()
        with torch.no_grad():
            yield float((torch.cat([net(part) for part in tx.split(250)]).argmax(1) == ty).float().mean())


def lstm(order):
    import keras
    keras.utils.set_random_seed(seed)
    net = keras.Sequential([keras.Input((28, 28)), keras.layers.LSTM(128), keras.layers.Dense(10, activation="softmax")])
    net.save(path(".keras"))
    net.compile(optimizer=keras.optimizers.Adam(0.001), loss="sparse_categorical_crossentropy")
    (x, y), (tx, ty) = digits("train"), digits("test")
    for rows in order:
        net.fit(x[rows], y[rows], batch_size=BATCH, shuffle=False, verbose=0)
        yield float((net.predict(tx, batch_size=250, verbose=0).argmax(1) == ty).mean())


random = np.random.default_rng(seed)
order = [random.permutation(10000) for _ in range(EPOCHS)]
np.stack(order).astype(np.int32).tofile(path(".order.i32"))
start, accuracy = time.time(), []
for value in {"cnn": cnn, "lstm": lstm}[task](order):
    accuracy.append(value)
    print(f"{task} seed {seed} epoch {len(accuracy)}: {100 * value:.2f} %, {time.time() - start:.0f} s", flush=True)
with open(path(".json"), "w") as file:
    json.dump({"task": task, "seed": seed, "epochs": EPOCHS, "batch": BATCH, "accuracy": accuracy}, file)
