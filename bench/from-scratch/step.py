"""PyTorch's side of step.ts, on one thread: `step.py cnn|lstm`; a line with a number of steps is answered by their milliseconds."""
import json, sys, time
import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(1)


class Last(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.fc = nn.LSTM(100, 128, batch_first=True), nn.Linear(128, 10)

    def forward(self, x):
        return self.fc(self.lstm(x)[0][:, -1])


def cnn():
    net = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                        nn.Flatten(), nn.Linear(4096, 128), nn.ReLU(), nn.Linear(128, 10))
    return net, torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9), torch.randn(16, 3, 32, 32)


def lstm():
    net = Last()
    return net, torch.optim.Adam(net.parameters()), torch.randn(32, 28, 100)


net, optimizer, x = {"cnn": cnn, "lstm": lstm}[sys.argv[1]]()
y = torch.randint(0, 10, (len(x),))


def step():
    start = time.perf_counter()
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()
    return 1000 * (time.perf_counter() - start)


for line in sys.stdin:
    print(json.dumps([step() for _ in range(int(line))]), flush=True)
