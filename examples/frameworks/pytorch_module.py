"""Train a PyTorch module between layers of ours: two gated layers with a skip connection.

pip install thinc[torch]
python examples/frameworks/pytorch_module.py
"""

import torch
from spirals import N_CLASSES, run

from thinc.api import Linear, Model, PyTorchWrapper, Softmax, chain

WIDTH = 32


class Gated(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.values = torch.nn.ModuleList(torch.nn.Linear(WIDTH, WIDTH) for _ in range(2))
        self.gates = torch.nn.ModuleList(torch.nn.Linear(WIDTH, WIDTH) for _ in range(2))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        for value, gate in zip(self.values, self.gates, strict=True):
            X = X + torch.tanh(value(X)) * torch.sigmoid(gate(X))
        return X


def build() -> Model:
    torch.manual_seed(0)
    return chain(Linear(WIDTH, 2), PyTorchWrapper(Gated()), Softmax(N_CLASSES, WIDTH))


if __name__ == "__main__":
    run(build)
