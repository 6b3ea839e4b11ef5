"""Nodes to build small trees from, without the layer library."""

import numpy
import pytest

from thinc.model import Model


def forward_scale(model, X, is_train):
    """Y = X * W, or the identity where there is no W; calls the children in turn."""
    callbacks = []
    Y = X
    for layer in model.layers:
        Y, callback = layer(Y, is_train)
        callbacks.append(callback)
    W = model.maybe_get_param("W")
    inner = Y
    if W is not None:
        Y = Y * W

    def backprop(dY):
        if W is not None:
            model.inc_grad("W", (dY * inner).sum(axis=0))
            dY = dY * W
        for callback in reversed(callbacks):
            dY = callback(dY)
        return dY

    return Y, backprop


def build_node(name, *layers, W=None, **kwargs):
    if W is not None:
        kwargs.setdefault("params", {"W": numpy.asarray(W, dtype="f")})
    return Model(name, forward_scale, layers=layers, **kwargs)


@pytest.fixture
def node():
    """``node(name, *layers, W=None, **kwargs)`` makes a model."""
    return build_node


@pytest.fixture
def plain_sgd():
    """An optimizer that is just a function."""

    def sgd(key, W, dW):
        W = W - 0.5 * dW
        dW[...] = 0
        return W, dW

    return sgd
