"""Gradients by central differences, to compare analytic ones with.

In float64, where rounding leaves about nine correct digits: `to_float64` prepares a model.
"""

from typing import Any, Callable

import numpy

from thinc.model import Model

from .batches import is_float, leaves

STEP = 1e-6


def numeric_gradient(f: Callable[[], float], x: numpy.ndarray, *, step: float = STEP) -> numpy.ndarray:
    """The gradient of ``f()`` with respect to the float64 array ``x``, which ``f`` reads.

    Each element is moved in place, and put back.
    """
    assert x.dtype == "float64", "central differences need float64"
    gradient = numpy.zeros_like(x)
    for index in numpy.ndindex(*x.shape):
        old = x[index]
        x[index] = old + step
        above = f()
        x[index] = old - step
        below = f()
        x[index] = old
        gradient[index] = (above - below) / (2 * step)
    return gradient


def assert_gradient(
    f: Callable[[], float],
    x: numpy.ndarray,
    analytic: numpy.ndarray,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-7,
) -> None:
    """Check ``analytic`` against the numeric gradient of ``f()`` with respect to ``x``."""
    assert analytic.shape == x.shape
    numpy.testing.assert_allclose(analytic, numeric_gradient(f, x), rtol=rtol, atol=atol)


def to_float64(model: Model) -> Model:
    """Make all parameters of the model float64, writeable and contiguous; return the model."""
    for node in model.walk():
        for name in node.param_names:
            if node.has_param(name):
                node.set_param(name, numpy.array(node.get_param(name), dtype="float64"))
    return model


def parameters(model: Model) -> dict[tuple[int, str], numpy.ndarray]:
    """All parameters, by the position of their node in the walk and their name."""
    return {
        (i, name): node.get_param(name)
        for i, node in enumerate(model.walk())
        for name in node.param_names
        if node.has_param(name)
    }


def gradients(model: Model) -> dict[tuple[int, str], numpy.ndarray]:
    """All gradients, by the position of their node in the walk and the name of the parameter."""
    return {(i, name): node.get_grad(name) for i, node in enumerate(model.walk()) for name in node.grad_names}


def check_model(
    model: Model,
    X: Any,
    loss: Callable[[Any], tuple[float, Any]],
    *,
    seed: int = 0,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    constants: tuple[str, ...] = (),
) -> None:
    """Check dX and the gradients of all parameters of a float64 model, in training.

    Parameters
    ----------
    X
        A batch of float64 arrays; integers have no gradient.
    loss
        Takes the output and returns a number and its gradient.
    seed
        Of NumPy's global random generator before every pass, which fixes dropout masks.
    constants
        Names of parameters that get no gradient.
    """

    def run() -> float:
        numpy.random.seed(seed)
        return loss(model(X, True)[0])[0]

    numpy.random.seed(seed)
    Y, backprop = model(X, True)
    dX = backprop(loss(Y)[1])
    for x, dx in zip(leaves(X), leaves(dX), strict=True):
        if is_float(x):
            assert_gradient(run, x, dx, rtol=rtol, atol=atol)
    grads = gradients(model)
    trained = {key: param for key, param in parameters(model).items() if key[1] not in constants}
    assert set(grads) == set(trained)
    for key, param in trained.items():
        assert_gradient(run, param, grads[key], rtol=rtol, atol=atol)
