"""The table's lines for activations: elementwise, forward and backward."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy

from .table import Op, vjp
from .table_inputs import ROWS

SIGMOID = ROWS.plus(Y=lambda X: 1 / (1 + numpy.exp(-X)))
RELU = ROWS.plus(Y=lambda X: numpy.maximum(X, 0))
SWISH = ROWS.plus(Y=lambda X: X / (1 + numpy.exp(-X)))


def _elementwise(name: str, torch: Any, jax: Any, torch_backward: Any, same: bool = True) -> dict[str, Op]:
    """Forward of X, backward of dY and X."""
    unchecked = () if same else ("torch",)
    return {
        name: Op(ROWS, lambda t, X: partial(getattr(t.ops, name), X), torch, jax, unchecked=unchecked),
        f"backprop_{name}": Op(
            ROWS,
            lambda t, X, dY: partial(getattr(t.ops, f"backprop_{name}"), dY, X),
            torch_backward,
            vjp(jax),
            unchecked=unchecked,
        ),
    }


def _clipped(low: float, high: float) -> Any:
    return lambda t, X, dY: partial(t.aten.hardtanh_backward, dY, X, low, high)


def _dish(t: Any, X: Any) -> Any:
    return lambda: 0.5 * X * (X * t.rsqrt(X * X + 1) + 1)


def _backprop_dish(t: Any, X: Any, dY: Any) -> Any:
    def run():
        r = t.rsqrt(X * X + 1)
        return dY * (0.5 + 0.5 * X * r * (r * r + 1))

    return run


ACTIVATIONS = {
    "relu": Op(
        ROWS, lambda t, X: partial(t.ops.relu, X), lambda t, X: partial(t.relu, X), lambda j, X: j.nn.relu(X)
    ),
    "backprop_relu": Op(
        RELU,
        lambda t, dY, Y: partial(t.ops.backprop_relu, dY, Y),
        lambda t, dY, Y: partial(t.aten.threshold_backward, dY, Y, 0),
        lambda j, dY, Y: j.np.where(Y > 0, dY, 0),
    ),
    "sigmoid": Op(
        ROWS,
        lambda t, X: partial(t.ops.sigmoid, X),
        lambda t, X: partial(t.sigmoid, X),
        lambda j, X: j.nn.sigmoid(X),
    ),
    "backprop_sigmoid": Op(
        SIGMOID,
        lambda t, dY, Y: partial(t.ops.backprop_sigmoid, dY, Y),
        lambda t, dY, Y: partial(t.aten.sigmoid_backward, dY, Y),
        lambda j, dY, Y: dY * Y * (1 - Y),
    ),
    "dsigmoid": Op(
        SIGMOID,
        lambda t, Y: partial(t.ops.dsigmoid, Y),
        lambda t, Y: partial(t.addcmul, Y, Y, Y, value=-1),
        lambda j, Y: Y * (1 - Y),
    ),
    "dtanh": Op(
        SIGMOID,
        lambda t, Y: partial(t.ops.dtanh, Y),
        lambda t, Y: partial(t.addcmul, t.ones(1, dtype=Y.dtype), Y, Y, value=-1),
        lambda j, Y: 1 - Y * Y,
    ),
    "sechsq": Op(
        ROWS,
        lambda t, X: partial(t.ops.sechsq, X),
        lambda t, X: lambda: t.cosh(X).pow_(-2),
        lambda j, X: 1 / j.np.cosh(X) ** 2,
    ),
    "erf": Op(
        ROWS, lambda t, X: partial(t.ops.erf, X), lambda t, X: partial(t.erf, X), lambda j, X: j.lax.erf(X)
    ),
    "swish": Op(
        ROWS,
        lambda t, X: partial(t.ops.swish, X),
        lambda t, X: partial(t.F.silu, X),
        lambda j, X: j.nn.silu(X),
    ),
    "backprop_swish": Op(
        SWISH,
        lambda t, dY, X, Y: partial(t.ops.backprop_swish, dY, X, Y),
        lambda t, dY, X: partial(t.aten.silu_backward, dY, X),
        vjp(lambda j, X: j.nn.silu(X)),
    ),
    **_elementwise(
        "gelu",
        lambda t, X: partial(t.F.gelu, X),
        lambda j, X: j.nn.gelu(X, approximate=False),
        lambda t, X, dY: partial(t.aten.gelu_backward, dY, X),
    ),
    **_elementwise(
        "gelu_approx",
        lambda t, X: partial(t.F.gelu, X, approximate="tanh"),
        lambda j, X: j.nn.gelu(X, approximate=True),
        lambda t, X, dY: partial(t.aten.gelu_backward, dY, X, approximate="tanh"),
    ),
    **_elementwise(
        "mish",
        lambda t, X: partial(t.F.mish, X),
        lambda j, X: X * j.np.tanh(j.nn.softplus(X)),
        lambda t, X, dY: partial(t.aten.mish_backward, dY, X),
    ),
    **_elementwise(
        "dish",
        _dish,
        lambda j, X: 0.5 * X * (X / j.np.sqrt(1 + X * X) + 1),
        _backprop_dish,
    ),
    # PyTorch's hard sigmoid and swish have the slope 1/6, as our "mobilenet" has; the arithmetic is the same.
    **_elementwise(
        "hard_sigmoid",
        lambda t, X: partial(t.F.hardsigmoid, X),
        lambda j, X: j.np.clip(0.2 * X + 0.5, 0, 1),
        lambda t, X, dY: partial(t.aten.hardsigmoid_backward, dY, X),
        same=False,
    ),
    **_elementwise(
        "hard_swish",
        lambda t, X: partial(t.F.hardswish, X),
        lambda j, X: X * j.np.clip(0.2 * X + 0.5, 0, 1),
        lambda t, X, dY: partial(t.aten.hardswish_backward, dY, X),
        same=False,
    ),
    **_elementwise(
        "hard_swish_mobilenet",
        lambda t, X: partial(t.F.hardswish, X),
        lambda j, X: j.nn.hard_swish(X),
        lambda t, X, dY: partial(t.aten.hardswish_backward, dY, X),
    ),
    **_elementwise(
        "hard_tanh", lambda t, X: partial(t.F.hardtanh, X), lambda j, X: j.np.clip(X, -1, 1), _clipped(-1, 1)
    ),
    **_elementwise(
        "relu_k", lambda t, X: partial(t.F.relu6, X), lambda j, X: j.np.clip(X, 0, 6), _clipped(0, 6)
    ),
    **_elementwise(
        "clipped_linear",
        lambda t, X: partial(t.clamp, X, 0, 1),
        lambda j, X: j.np.clip(X, 0, 1),
        _clipped(0, 1),
    ),
}
