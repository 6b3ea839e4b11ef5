"""Runs lines of the table in PyTorch: operations without autograd, layers as modules with it."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from .base import Work
from .layers_table import LAYERS, for_peers, inputs_of
from .ops_table import OPS
from .table import arrays, parameters, pick
from .torch_work import settle, tensor

__all__ = ["layer", "op", "settle"]


class Torch:
    """What the lines use of PyTorch, under short names."""

    F, nn, aten = functional, nn, torch.ops.aten

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


t = Torch()


def _converted(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor(value) for name, value in values.items()}


def op(name: str, dtype: str, *size: int) -> Work:
    """One operation."""
    without_autograd = partial(torch.set_grad_enabled, False)
    without_autograd()
    line = OPS[name]
    values = _converted(line.inputs.make(dtype, *size))
    originals = {used: values[used].clone() for used in line.refill}
    run = line.torch(t, *pick(line.torch, values, 1))

    def prepare():
        for used, original in originals.items():
            values[used].copy_(original)

    def check():
        result = run()
        return [Y.numpy() for Y in arrays(values[line.result] if line.result else result)]

    return Work(
        run,
        prepare if originals else None,
        None if "torch" in line.unchecked else check,
        settle=without_autograd,
    )


def layer(name: str, direction: str, *size: int) -> Work:
    """One pass of a module in training. Backward gives the gradients of input and parameters anew, not added up."""
    line = LAYERS[name]
    values = _converted(for_peers(inputs_of(line, *size)))
    make = (direction == "backward" and line.torch_backward) or line.torch
    module = make(t, *pick(make, values, 1))
    weights = parameters(line.shapes(*pick(line.shapes, values)))
    with torch.no_grad():
        for param, value in zip(module.parameters(), weights, strict=True):
            param.copy_(torch.from_numpy(value).view(param.shape))
    X, dY = values["X"], values["dY"]
    wanted = list(module.parameters())
    if X.is_floating_point():
        wanted.insert(0, X.requires_grad_())
    Y = module(X)
    if direction == "forward":
        run = lambda: module(X)  # noqa: E731
        check = lambda: [run().detach().numpy()]  # noqa: E731
    else:
        run = lambda: torch.autograd.grad(Y, wanted, dY, retain_graph=True)  # noqa: E731
        check = lambda: [run()[0].numpy()] if X.is_floating_point() else []  # noqa: E731
    return Work(run, check=None if "torch" in line.unchecked else check)
