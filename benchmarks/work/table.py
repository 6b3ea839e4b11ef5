"""The table of single operations and layers as data: what a line says, and its inputs.

A line names its inputs by the parameters of its functions. The functions for thinc and PyTorch get their package and
the inputs and return the call to be timed; those for JAX are the pure function to be compiled.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy

FLOATS = ("float32", "float64")


@dataclass(frozen=True)
class Inputs:
    """How to make the inputs of a line, in NumPy, at three sizes."""

    make: Callable[..., dict[str, Any]]  # of a dtype, and the numbers of one size
    tiny: tuple[int, ...]
    typical: tuple[int, ...]
    large: tuple[int, ...]

    def plus(self, **derived: Callable) -> Inputs:
        """With more inputs, each computed from those whose names its function takes."""

        def make(dtype: str, *size: int) -> dict[str, Any]:
            values = self.make(dtype, *size)
            for name, function in derived.items():
                values[name] = function(*pick(function, values))
            return values

        return Inputs(make, self.tiny, self.typical, self.large)

    def sizes(self) -> dict[str, tuple[int, ...]]:
        """The three, by name."""
        return {"tiny": self.tiny, "typical": self.typical, "large": self.large}


@dataclass(frozen=True)
class Op:
    """One operation. ``refill``: inputs that a run uses up; ``result``: the input that it changes in place.

    Where thinc returns something as well, the first of that is the result.
    """

    inputs: Inputs
    thinc: Callable
    torch: Callable | None = None
    jax: Callable | Carried | None = None
    dtypes: tuple[str, ...] = FLOATS
    refill: tuple[str, ...] = ()
    result: str = ""
    unchecked: tuple[str, ...] = ()  # peers whose numbers are not ours: other constants, random
    published: bool = True  # whether the published package has it

    def peers(self) -> list[str]:
        """Who can do it."""
        return [name for name in ("published", "torch", "jax") if getattr(self, name)]


@dataclass(frozen=True)
class Carried:
    """JAX's way to change something in place: a state that is donated to each step and replaced by its result."""

    start: Callable  # of JAX and inputs; the first part of the state is the result
    step: Callable  # of JAX, the state and inputs


def _none() -> list[tuple[int, ...]]:
    return []


@dataclass(frozen=True)
class Layer:
    """One layer of parameters of these shapes, in the order in which thinc and PyTorch number them."""

    inputs: Inputs
    thinc: Callable  # of the API, and of inputs: the model
    torch: Callable | None = None  # the module
    torch_backward: Callable | None = (
        None  # what is differentiated instead, where thinc's gradient is another one
    )
    jax: Callable | None = None  # of JAX, X and the parameters
    shapes: Callable[..., list[tuple[int, ...]]] = _none
    unchecked: tuple[str, ...] = ()
    published: bool = True

    peers = Op.peers


def pick(function: Callable, values: dict[str, Any], skip: int = 0) -> list[Any]:
    """The values for the parameters of a function, but for the first ones."""
    return [values[name] for name in list(inspect.signature(function).parameters)[skip:]]


def vjp(function: Callable) -> Callable:
    """For JAX, from a function of one array ``X``: its gradient given ``dY``."""
    return lambda j, X, dY: j.vjp(partial(function, j), X)[1](dY)[0]


def arrays(result: Any) -> Iterable[Any]:
    """The arrays in a result, in order."""
    if isinstance(result, (list, tuple)):
        for item in result:
            yield from arrays(item)
    elif hasattr(result, "dataXd"):  # a Ragged
        yield result.dataXd
    elif hasattr(result, "size_at_t"):  # a Padded
        yield result.data
    elif result is not None:
        yield result


def parameters(shapes: Iterable[tuple[int, ...]]) -> list[numpy.ndarray]:
    """Weights of about the size that keeps the variance; vectors near one."""
    values = []
    for i, shape in enumerate(shapes):
        value = numpy.random.default_rng(100 + i).standard_normal(shape, dtype="float32")
        values.append(1 + 0.1 * value if len(shape) == 1 else value * shape[-1] ** -0.5)
    return values
