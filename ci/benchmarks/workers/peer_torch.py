"""PyTorch as its documentation writes a training loop: nn.Sequential, cross_entropy, the fused Adam.

The samples lie on the device, and a batch is an index of them. "compile" compiles forward pass and loss.
"""

import numpy as np
import talk
import task
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its documentation's name


class Torch(talk.Contestant):
    def __init__(self, given, x, y, variant) -> None:
        super().__init__(given, x, y, variant)
        self.device = torch.device("cuda" if variant == "cuda" else "cpu")
        self.samples = torch.from_numpy(x).to(self.device)
        labels = torch.from_numpy(y).to(self.device)
        self.labels = labels[:, None].float() if given.binary else labels.long()
        layers: list[nn.Module] = []
        for inputs, outputs in zip(given.sizes[:-1], given.sizes[1:], strict=True):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.net = nn.Sequential(*layers[:-1]).to(self.device)
        net, loss = self.net, F.binary_cross_entropy_with_logits if given.binary else F.cross_entropy

        def objective(x, y):
            return loss(net(x), y)

        self.objective = torch.compile(objective) if variant == "compile" else objective

    def start(self) -> None:
        linear = [layer for layer in self.net if isinstance(layer, nn.Linear)]
        with torch.no_grad():
            for layer, (w, b) in zip(linear, task.weights(self.task), strict=True):
                layer.weight.copy_(torch.from_numpy(w.T))
                layer.bias.copy_(torch.from_numpy(b))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=task.RATE, fused=True)
        self.done = 0

    def epochs(self, count: int) -> None:
        for _ in range(count):
            for rows in torch.from_numpy(task.order(self.task, self.done)).to(self.device):
                self.optimizer.zero_grad()
                loss = self.objective(self.samples[rows], self.labels[rows])
                loss.backward()
                self.optimizer.step()
            self.done += 1
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def weights(self):
        linear = [layer for layer in self.net if isinstance(layer, nn.Linear)]
        return [(_host(layer.weight).T, _host(layer.bias)) for layer in linear]

    def about(self) -> str:
        place = torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"
        return f"torch {torch.__version__} on {place}, threads: {torch.get_num_threads()}"


def _host(p):
    return np.array(p.detach().cpu())


if __name__ == "__main__":
    talk.serve(Torch)
