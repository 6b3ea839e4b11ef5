"""Helpers for functions."""

import functools
from collections.abc import Callable
from typing import Any


def partial(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """`functools.partial` that keeps the docstring of `func`."""
    bound = functools.partial(func, *args, **kwargs)
    bound.__doc__ = func.__doc__
    return bound
