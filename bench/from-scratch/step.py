"""PyTorch's side of step.ts: medians of one training step on one thread, in milliseconds."""
import statistics, time
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


def median(net, optimizer, x):
    y, times = torch.randint(0, 10, (len(x),)), []
    for i in range(210):
        start = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
        if i >= 10:
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


cnn = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(4096, 128), nn.ReLU(), nn.Linear(128, 10))
lstm = Last()
print(f"PyTorch {torch.__version__}: seed CNN, batch 16, momentum {median(cnn, torch.optim.SGD(cnn.parameters(), lr=0.01, momentum=0.9), torch.randn(16, 3, 32, 32)):.2f} ms")
print(f"PyTorch {torch.__version__}: LSTM 100 → 128, 28 steps, batch 32, Adam {median(lstm, torch.optim.Adam(lstm.parameters()), torch.randn(32, 28, 100)):.2f} ms")
