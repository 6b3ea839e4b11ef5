"""PyTorch's rows in the contract of the wrappers."""

from typing import Any

import numpy

from thinc.api import Padded
from thinc.layers.lstm import PyTorchLSTM
from thinc.layers.pytorchwrapper import (
    PyTorchRNNWrapper,
    PyTorchWrapper,
    PyTorchWrapper_v2,
    PyTorchWrapper_v3,
)
from thinc.layers.torchscriptwrapper import TorchScriptWrapper_v1, pytorch_to_torchscript_wrapper

from .contract import EPS, N_STEPS, RATES, Arrays, Case, Framework


class PyTorch(Framework):
    name = extra = "torch"
    missing = (
        "PyTorchWrapper(None)",
        "PyTorchWrapper_v2(None)",
        "PyTorchWrapper_v3(None)",
        "PyTorchRNNWrapper(None)",
        "PyTorchLSTM(2, 2)",
        "TorchScriptWrapper_v1()",
        "PyTorchShim(None)",
        "PyTorchGradScaler()",
        "xp2torch(None)",
    )

    def require(self) -> None:
        super().require()
        import torch

        torch.set_num_threads(1)  # more cost time with networks of this size

    def gradients(
        self, case: Case, network: Any, Xs: list[Any], dYs: list[Any]
    ) -> tuple[list[Any], list[Any], Arrays]:
        import torch

        tensors = [as_tensor(X) for X in Xs]
        Ys = case.apply(network.train(), tensors)
        torch.autograd.backward(Ys, [torch.tensor(dY) for dY in dYs])
        dXs = [None if X.grad is None else X.grad.numpy() for X in tensors]
        weights = {name: W.grad.numpy().copy() for name, W in network.named_parameters()}
        return [Y.detach().numpy() for Y in Ys], dXs, weights

    def train(self, case: Case, network: Any, Xs: list[Any], Ts: list[Any], optimizer: str) -> Arrays:
        import torch

        steps: Any = torch.optim.SGD(network.parameters(), lr=RATES["sgd"])
        if optimizer == "adam":
            steps = torch.optim.Adam(network.parameters(), lr=RATES["adam"], eps=EPS)
        for _ in range(N_STEPS):
            Ys = case.apply(network.train(), [as_tensor(X) for X in Xs])
            loss = sum(((Y - torch.tensor(T)) ** 2).sum() for Y, T in zip(Ys, Ts, strict=True)) / 2
            steps.zero_grad()
            loss.backward()
            steps.step()
        return weights_of(network)

    def weights(self, model: Any) -> Arrays:
        return weights_of(model.shims[0]._model)


def as_tensor(X: numpy.ndarray) -> Any:
    import torch

    return torch.tensor(X, requires_grad=X.dtype.kind == "f")


def weights_of(network: Any) -> Arrays:
    return {name: W.detach().numpy().copy() for name, W in network.named_parameters()}


def floats(*shape: int) -> numpy.ndarray:
    return numpy.random.default_rng(1).normal(size=shape).astype("float32")


def mlp() -> Any:
    import torch

    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))


def network_class() -> Any:
    """Two inputs, two outputs, a weight without dimensions, one that is not contiguous, and one used twice."""
    import torch

    class Two(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(0.5))
            self.W = torch.nn.Parameter(torch.randn(3, 4).T)
            self.same = self.W

        def forward(self, x: Any, y: Any) -> Any:
            h = torch.tanh(x @ self.W)
            return {"sum": h * self.scale + y, "parts": (h @ self.same.T, h.sum())}

    return Two


def two() -> Any:
    import torch

    torch.manual_seed(2)
    return network_class()()


def embedding() -> Any:
    import torch

    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Embedding(7, 4), torch.nn.Linear(4, 3))


def lstm() -> Any:
    import torch

    torch.manual_seed(4)
    return torch.nn.LSTM(4, 3, 2, bidirectional=True)


def wrap_lstm(network: Any) -> Any:
    model = PyTorchLSTM(6, 4, bi=True, depth=2).layers[0]
    model.shims[0]._model.load_state_dict(network.state_dict())
    return model


def script(network: Any) -> Any:
    return pytorch_to_torchscript_wrapper(PyTorchWrapper(network))


def padded() -> Padded:
    data = floats(3, 2, 4)
    return Padded(data, *(numpy.array(x, dtype="i") for x in ([2, 2, 1], [3, 2], [1, 0])))


def one_output(network: Any, tensors: list[Any]) -> list[Any]:
    return [network(*tensors)]


def three_outputs(network: Any, tensors: list[Any]) -> list[Any]:
    Y = network(x=tensors[0], y=tensors[1])
    return [Y["sum"], *Y["parts"]]


def lstm_output(network: Any, tensors: list[Any]) -> list[Any]:
    return [network(tensors[0])[0]]


def word_ids() -> numpy.ndarray:
    return numpy.array([0, 6, 2, 2, 5])


def load_script(network: Any) -> Any:
    """As a saved script is used: the network comes with the bytes."""
    return TorchScriptWrapper_v1().from_bytes(script(network).to_bytes())


PYTORCH = PyTorch()
CASES = [
    Case("pytorch-v1", PYTORCH, mlp, PyTorchWrapper, lambda: floats(6, 4), one_output),
    Case("pytorch-v2", PYTORCH, mlp, PyTorchWrapper_v2, lambda: floats(6, 4), one_output),
    Case("pytorch-v3-ids", PYTORCH, embedding, PyTorchWrapper_v3, word_ids, one_output),
    Case(
        "pytorch-v3-several",
        PYTORCH,
        two,
        PyTorchWrapper_v3,
        lambda: {"x": floats(6, 4), "y": floats(6, 3)},
        three_outputs,
    ),
    Case("pytorch-rnn", PYTORCH, lstm, PyTorchRNNWrapper, padded, lstm_output),
    Case("pytorch-lstm", PYTORCH, lstm, wrap_lstm, padded, lstm_output),
    Case("torchscript", PYTORCH, mlp, script, lambda: floats(6, 4), one_output, same_bytes=False),
    Case("torchscript-loaded", PYTORCH, mlp, load_script, lambda: floats(6, 4), one_output, same_bytes=False),
]
