"""Runs lines of the table in thinc's public API: with our package, and with the published one."""

from __future__ import annotations

from typing import Any

import numpy

from thinc import api

from .base import Work
from .layers_table import LAYERS, inputs_of
from .ops_table import OPS
from .table import arrays, parameters, pick


class Thinc:
    """The API, and operations on the processor."""

    ops = api.NumpyOps()

    def __getattr__(self, name: str) -> Any:
        return getattr(api, name)


t = Thinc()


def op(name: str, dtype: str, *size: int) -> Work:
    """One operation."""
    line = OPS[name]
    values = line.inputs.make(dtype, *size)
    originals = {used: values[used].copy() for used in line.refill}
    run = line.thinc(t, *pick(line.thinc, values, 1))

    def prepare():
        for used, original in originals.items():
            values[used][...] = original

    def check():
        result = run()
        if line.result:
            result = values[line.result] if result is None else result[0]
        return list(map(numpy.array, arrays(result)))

    return Work(run, prepare if originals else None, check)


def layer(name: str, direction: str, *size: int) -> Work:
    """One pass of a layer in training: gradients of the parameters are added up, as between two updates."""
    line = LAYERS[name]
    values = inputs_of(line, *size)
    numpy.random.seed(0)
    model = line.thinc(t, *pick(line.thinc, values, 1))
    X, dY = values["X"], values["dY"]
    if "lengths" in values:
        X = api.Ragged(X, values["lengths"])
    weights = parameters(line.shapes(*pick(line.shapes, values)))
    if weights:
        model.initialize(X=X)
    places = [(node, param) for node in model.walk() for param in node.param_names]
    for (node, param), value in zip(places, weights, strict=True):
        node.set_param(param, value)
    _, backprop = model(X, True)
    run = (lambda: model(X, True)[0]) if direction == "forward" else lambda: backprop(dY)
    return Work(run, check=lambda: [Y for Y in arrays(run()) if Y.dtype.kind == "f" and Y.size])
