"""Single operations in thinc's public API, run by our package and by the published one."""

from __future__ import annotations

import numpy

from thinc.backends import NumpyOps

from . import data
from .base import Work

ops = NumpyOps()


def gemm(m: int, n: int, k: int, layout: str = "nn") -> Work:
    trans1, trans2 = layout[0] == "t", layout[1] == "t"
    X = data.floats(k, m) if trans1 else data.floats(m, k)
    Y = data.floats(n, k, seed=1) if trans2 else data.floats(k, n, seed=1)

    def run():
        return ops.gemm(X, Y, trans1=trans1, trans2=trans2)

    return Work(run, check=lambda: [run()])


def multibatch(n: int, width: int, size: int) -> Work:
    X, Y = data.floats(n, width), data.labels(n, 10)
    batches = ops.multibatch(size, X, Y, shuffle=True)

    def run():
        for _ in batches:
            pass

    def check():
        numpy.random.seed(0)
        return [x[:, 0] for x, _ in batches]

    return Work(run, check=check)


def activation(name: str, direction: str, n: int, width: int) -> Work:
    X, dY = data.floats(n, width), data.floats(n, width, seed=1)
    if name == "maxout":
        pieces = data.floats(n, width, 3)
        _, which = ops.maxout(pieces)
        forward, backward = lambda: ops.maxout(pieces)[0], lambda: ops.backprop_maxout(dY, which, 3)
    elif name == "softmax":
        Y = ops.softmax(X)
        forward, backward = lambda: ops.softmax(X), lambda: ops.backprop_softmax(Y, dY)
    elif name == "relu":
        Y = ops.relu(X)
        forward, backward = lambda: ops.relu(X), lambda: ops.backprop_relu(dY, Y)
    elif name == "swish":
        Y = ops.swish(X)
        forward, backward = lambda: ops.swish(X), lambda: ops.backprop_swish(dY, X, Y)
    else:
        f, backprop = getattr(ops, name), getattr(ops, f"backprop_{name}")
        forward, backward = lambda: f(X), lambda: backprop(dY, X)
    run = forward if direction == "forward" else backward
    return Work(run, check=lambda: [run()])
