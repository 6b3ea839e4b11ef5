"""What the wrappers of other frameworks share: how a batch becomes the arguments of a call, and back."""

from typing import Any, Callable

from .._util.arrays import is_xp_array
from .._util.recursive import convert_recursive
from ..types import ArgsKwargs


def batch_to_call(X: Any, to_tensor: Callable[[Any], Any]) -> tuple[ArgsKwargs, Callable[[ArgsKwargs], Any]]:
    """Make the arguments of a call of a batch.

    Parameters
    ----------
    X
        ArgsKwargs are taken as they are, a dict becomes keyword arguments, a list or tuple positional ones,
        anything else one positional argument.
    to_tensor : callable
        Converts an array; it is given every one in X, however deeply nested in lists, tuples and dicts.

    Returns
    -------
    ArgsKwargs
        The arguments.
    callable
        Takes ArgsKwargs of gradients, or of anything else that corresponds to the arguments, and returns it in
        the form of X; a list comes back as a tuple.
    """
    tensors = convert_recursive(is_xp_array, to_tensor, X)
    if isinstance(tensors, ArgsKwargs):
        return tensors, lambda call: call
    if isinstance(tensors, dict):
        return ArgsKwargs(args=(), kwargs=tensors), lambda call: call.kwargs
    if isinstance(tensors, (list, tuple)):
        return ArgsKwargs(args=tuple(tensors), kwargs={}), lambda call: tuple(call.args)
    return ArgsKwargs(args=(tensors,), kwargs={}), lambda call: call.args[0]
