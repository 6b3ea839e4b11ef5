"""Helpers for functions."""

import functools
import sys
from collections.abc import Callable
from typing import Any

if sys.version_info >= (3, 11):
    from operator import call as call
else:

    def call(func: Callable[..., Any], /, *args: Any) -> Any:
        """Call a function: what `map` takes to call many."""
        return func(*args)


def partial(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """`functools.partial` that keeps the docstring of `func`."""
    bound = functools.partial(func, *args, **kwargs)
    bound.__doc__ = func.__doc__
    return bound
