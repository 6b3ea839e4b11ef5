"""ParamServer: copies, keys and proxies."""

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc.api import SGD, Adam, Model, RAdam
from thinc.backends import ParamServer


class Proxy:
    def __init__(self):
        self.calls = []

    def get_param(self, model_id, name):
        self.calls.append(("get_param", model_id, name))
        return numpy.full(2, 7.0)

    def set_param(self, model_id, name, value):
        self.calls.append(("set_param", model_id, name, value))

    def set_grad(self, model_id, name, value):
        self.calls.append(("set_grad", model_id, name, value))

    def inc_grad(self, model_id, name, value):
        self.calls.append(("inc_grad", model_id, name, value))


def test_dicts_are_copied():
    params, grads = {(1, "W"): numpy.zeros(2)}, {(1, "W"): numpy.ones(2)}
    server = ParamServer(params, grads)
    server.set_param(2, "b", numpy.zeros(1))
    server.set_grad(2, "b", numpy.zeros(1))
    assert list(params) == list(grads) == [(1, "W")]
    assert server.get_param(1, "W") is params[1, "W"]
    assert not ParamServer().param_keys


def test_keys():
    server = ParamServer({(1, "W"): 0, (2, "b"): 0}, {(2, "b"): 0, (3, "x"): 0})
    assert server.param_keys == ((1, "W"), (2, "b"))
    assert tuple(server.grad_keys) == ((2, "b"),)
    assert server.has_param(1, "W")
    assert not server.has_param(1, "b")
    assert server.has_grad(3, "x")
    assert not server.has_grad(1, "W")


@pytest.mark.parametrize("get", ["get_param", "get_grad"])
def test_missing(get):
    with pytest.raises(KeyError):
        getattr(ParamServer(), get)(1, "W")


def test_inc_grad_copies_first_and_adds_in_place_later():
    server = ParamServer()
    value = numpy.ones(2)
    server.inc_grad(1, "W", value)
    stored = server.get_grad(1, "W")
    assert stored is not value
    server.inc_grad(1, "W", value)
    assert server.get_grad(1, "W") is stored
    assert_array_equal(stored, 2)
    assert_array_equal(value, 1)
    with pytest.raises(ValueError):
        server.inc_grad(1, "W", numpy.ones(3))


def test_gradients_are_laid_out_as_their_values_are():
    """spaCy's parser adds a transposed array at every step: sums must not go through memory across the grain."""
    server = ParamServer()
    value = numpy.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2)
    server.inc_grad(1, "W", value)
    stored = server.get_grad(1, "W")
    assert stored.strides == value.strides and not numpy.shares_memory(stored, value)
    server.inc_grad(1, "W", numpy.ascontiguousarray(value))
    assert server.get_grad(1, "W") is stored
    assert_array_equal(stored, 2 * value)
    server.inc_grad(1, "b", numpy.broadcast_to(numpy.float32(3), (2, 2))[::-1])
    server.get_grad(1, "b")[0, 1] = 5
    assert_array_equal(server.get_grad(1, "b"), [[3, 5], [3, 3]])
    server.inc_grad(1, "s", numpy.float32(3))
    server.inc_grad(1, "s", numpy.float32(4))
    assert server.get_grad(1, "s") == 7


@pytest.mark.parametrize("make", [Adam, RAdam, SGD])
def test_training_does_not_depend_on_the_layout_of_gradients(make):
    weights = []
    for order in ("C", "F"):
        model = Model("W", lambda model, X, is_train: (X, lambda dY: dY))
        model.set_param("W", numpy.arange(24, dtype="f").reshape(2, 3, 4))
        optimizer = make(0.1)
        for step in range(3):
            for _ in range(2):
                dW = numpy.sin(numpy.arange(24, dtype="f") + step).reshape(2, 3, 4)
                model.inc_grad("W", numpy.asarray(dW, order=order))
            model.finish_update(optimizer)
            assert not model.get_grad("W").any()
        weights.append(model.get_param("W"))
    assert_array_equal(*weights)


def test_proxy():
    proxy = Proxy()
    server = ParamServer({(1, "W"): numpy.zeros(2)}, proxy=proxy)
    assert_array_equal(server.get_param(1, "W"), 7)
    assert_array_equal(server._params[1, "W"], 7)
    value = numpy.ones(2)
    server.set_param(1, "b", value)
    assert server._params[1, "b"] is value
    server.set_grad(1, "W", value)
    server.inc_grad(1, "W", value)
    assert not server.has_grad(1, "W")
    assert [call[0] for call in proxy.calls] == ["get_param", "set_param", "set_grad", "inc_grad"]
    assert all(call[3] is value for call in proxy.calls[1:])
