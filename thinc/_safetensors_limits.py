"""Initialization that cannot take more memory than a file has numbers to fill: its sizes are not to be trusted."""

import functools
from math import prod
from typing import Any

from .model import Model

# Sizes up to this are taken from any file: a loop of this length, or a vector, is nothing.
SMALL = 2**16


class Budget:
    """How many numbers a node may ask for in one initialization: twice as many as the file has for it.

    Parameters
    ----------
    node : Model
    where : str
        Its place in the model.
    available : int
        The numbers of its parameters in the file.
    """

    def __init__(self, node: Model[Any, Any], where: str, available: int):
        self._name = f"layer '{node.name}' (at {where.rstrip('.') or 'the root'})"
        self._available = available
        self._spent = 0

    def check_dims(self, dims: dict[str, int]) -> None:
        """Refuse sizes that no parameter of the node can have."""
        for name, value in dims.items():
            if value > max(self._available, SMALL):
                raise self._refusal(f"{name}={value}")

    def renew(self) -> None:
        self._spent = 0

    def spend(self, *shape: Any) -> None:
        """Count an array; refuse it if there have been too many numbers."""
        sizes = [size for axis in shape for size in (axis if isinstance(axis, (tuple, list)) else [axis])]
        self._spent += max(1, prod(map(int, sizes)))
        if self._spent > 2 * self._available:
            raise self._refusal(f"arrays of {self._spent} numbers and more")

    def _refusal(self, what: str) -> ValueError:
        return ValueError(
            f"{self._name} would have {what}, but the file has {self._available} numbers for it"
        )


class LimitedOps:
    """The operations of a backend; what makes arrays asks the budget before."""

    def __init__(self, ops: Any, budget: Budget):
        self.unlimited = ops
        self._budget = budget

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.unlimited, name)
        if not name.startswith("alloc"):
            return found

        def alloc(*shape: Any, **settings: Any) -> Any:
            self._budget.spend(*shape)
            return found(*shape, **settings)

        return alloc


def limit_initialization(node: Model[Any, Any], budget: Budget) -> None:
    """Let a node ask the budget: the ``alloc`` functions of its operations, and its initializers ``f(ops, shape)``."""
    init = _limited(node.init, budget)

    def init_in_budget(*args: Any, **kwargs: Any) -> Any:
        budget.renew()
        return init(*args, **kwargs)

    if node.init is not None:
        node.init = init_in_budget
    node.ops = LimitedOps(node.ops, budget)  # type: ignore[assignment]


def _limited(function: Any, budget: Budget) -> Any:
    """The same, if it is no function; else one that counts the shape that it gets after the operations."""
    if not callable(function) or isinstance(function, (type, Model)):
        return function
    if isinstance(function, functools.partial):
        keywords = {name: _limited(value, budget) for name, value in function.keywords.items()}
        args = [_limited(value, budget) for value in function.args]
        return functools.partial(_limited(function.func, budget), *args, **keywords)

    def checked(*args: Any, **kwargs: Any) -> Any:
        if len(args) > 1 and isinstance(args[0], LimitedOps):
            budget.spend(args[1])
            args = args[0].unlimited, *args[1:]
        return function(*args, **kwargs)

    return checked
