"""Runs lines of the table in JAX, compiled with jit."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import jax
import numpy
import optax

from .base import Work
from .jax_work import settle
from .layers_table import LAYERS, for_peers, inputs_of
from .ops_table import OPS
from .table import Carried, arrays, parameters, pick

__all__ = ["layer", "op", "settle"]


class Jax:
    """What the lines use of JAX, under short names."""

    np, nn, lax, random, optax, vjp = jax.numpy, jax.nn, jax.lax, jax.random, optax, staticmethod(jax.vjp)
    segment_sum, segment_max = staticmethod(jax.ops.segment_sum), staticmethod(jax.ops.segment_max)

    @staticmethod
    def logits(A: Any, function: Any) -> Any:
        """The function of A, with A's gradient in the place of its own."""
        return A + jax.lax.stop_gradient(function(A) - A)


j = Jax()


def _converted(values: dict[str, Any]) -> dict[str, Any]:
    key = {"key": jax.random.key(0)}
    return key | {name: _array(value) for name, value in values.items()}


def _array(value: Any) -> Any:
    if isinstance(value, list):
        return [_array(item) for item in value]
    if not isinstance(value, numpy.ndarray) or value.dtype == numpy.uint64:
        return value
    return jax.numpy.asarray(value)


def _compiled(function: Any, values: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The compiled function of the inputs that are arrays, and those; numbers and names are constants of it."""
    inputs = pick(function, values, 1)
    names = list(inspect.signature(function).parameters)[1:]
    constant = {n: v for n, v in zip(names, inputs, strict=True) if isinstance(v, (int, str))}
    varying = [n for n in names if n not in constant]

    def call(*given: Any) -> Any:
        return function(j, **dict(zip(varying, given, strict=True)), **constant)

    return jax.jit(call), [values[n] for n in varying]


def op(name: str, dtype: str, *size: int) -> Work:
    """One operation."""
    settle_bits = partial(jax.config.update, "jax_enable_x64", dtype == "float64")
    settle_bits()
    line = OPS[name]
    values = _converted(line.inputs.make(dtype, *size))
    if isinstance(line.jax, Carried):
        return _carried(line.jax, values, "jax" in line.unchecked)._replace(settle=settle_bits)
    function, inputs = _compiled(line.jax, values)
    wait = lambda: function(*inputs).block_until_ready()  # noqa: E731
    several = lambda: jax.block_until_ready(function(*inputs))  # noqa: E731
    run = wait if isinstance(several(), jax.Array) else several

    def check():
        return [numpy.asarray(Y) for Y in arrays(run())]

    return Work(run, check=None if "jax" in line.unchecked else check, settle=settle_bits)


def _carried(line: Carried, values: dict[str, Any], unchecked: bool) -> Work:
    state = jax.tree.map(jax.numpy.copy, line.start(j, *pick(line.start, values, 1)))
    inputs = pick(line.step, {**values, "state": None}, 2)
    step = jax.jit(partial(line.step, j), donate_argnums=0)

    def run():
        nonlocal state
        state = step(state, *inputs)
        return state[0].block_until_ready()

    return Work(run, check=None if unchecked else lambda: [numpy.asarray(run())])


def layer(name: str, direction: str, *size: int) -> Work:
    """One pass. Forward keeps what the backward pass needs, which is compiled on its own."""
    line = LAYERS[name]
    values = _converted(for_peers(inputs_of(line, *size)))
    X, dY = values["X"], values["dY"]
    weights = list(map(jax.numpy.asarray, parameters(line.shapes(*pick(line.shapes, values)))))
    last = [values["key"]] if "key" in inspect.signature(line.jax).parameters else []
    floating = X.dtype.kind == "f"

    def function(wanted, fixed):
        (X, *params), keys = (wanted, fixed) if floating else ((fixed[0], *wanted), fixed[1:])
        return line.jax(j, X, *params, *keys)

    wanted, fixed = ((X, *weights), last) if floating else (tuple(weights), [X, *last])
    forward = jax.jit(lambda wanted, fixed: jax.vjp(lambda w: function(w, fixed), wanted))
    _, backprop = forward(wanted, fixed)
    if direction == "forward":
        run = lambda: forward(wanted, fixed)[0].block_until_ready()  # noqa: E731
    else:
        backward = jax.jit(lambda backprop, dY: backprop(dY))
        gradients = lambda: jax.block_until_ready(backward(backprop, dY))[0]  # noqa: E731
        run = gradients if floating else lambda: gradients() and None
    first = lambda: [numpy.asarray(Y) for Y in arrays(run())][:1]  # noqa: E731
    return Work(run, check=None if "jax" in line.unchecked else first)
