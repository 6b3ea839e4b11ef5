"""Errors of layers that got what they cannot take: say which layer, what it got and what it expects.

Layers do not check what the operations below them refuse anyway, so that running them costs nothing. It is when one
has failed that its input is compared with the annotations of its forward function.
"""

import functools
import types
from collections.abc import Sequence
from typing import Any, TypeVar, Union, get_args, get_origin

import numpy

from ..types import Padded, Ragged
from .arrays import is_xp_array
from .type_check import find_problems
from .validation import DataValidationError, get_hints, shorten

# What a call with bad input may raise; other errors are passed on as they are.
REFUSALS = (AttributeError, KeyError, TypeError, ValueError, IndexError, AssertionError)
PACKAGES = {"thinc", "numpy", "cupy", "murmurhash", "blis"}


def explain(model: Any, X: Any, err: Exception) -> Exception:
    """Return an error to raise in the place of ``err`` that says which layer failed; or ``err`` itself.

    Parameters
    ----------
    model : Model
        Whose forward pass raised it.
    X
        The input it was called with.
    err : Exception
        One of `REFUSALS`. It is explained by the innermost node that it passes, if that is one of this package:
        what happens in others is their own affair.
    """
    forward = _forward_to_explain(model, err)
    if forward is None:
        return err
    annotation = _annotation_of_input(forward)
    return _explained(model, err, _name(annotation) + _of_width(model, "nI"), describe(X), X, annotation)


def explain_samples(model: Any, X: Any, Y: Any, err: Exception) -> Exception:
    """Like `explain`, for an error of the initialization with samples of input and output."""
    forward = _forward_to_explain(model, err)
    if forward is None or (X is None and Y is None):
        return err
    if X is None:
        expected, got = "an output sample that fits", describe(Y)
    else:
        expected = f"{_name(_annotation_of_input(forward))}{_of_width(model, 'nI')} as its input sample"
        got = describe(X) if Y is None else f"{describe(X)}, and {describe(Y)} for the output"
    return _explained(model, err, expected, got, X, _annotation_of_input(forward))


def _forward_to_explain(model: Any, err: Any) -> Any:
    """The forward function of the layer that has to answer for an error, or None if nobody has."""
    if getattr(err, "_passed_a_layer", False) or isinstance(err, DataValidationError):
        return None
    err._passed_a_layer = True
    forward = _innermost(model._func)
    if not (getattr(forward, "__module__", None) or "").startswith("thinc.layers.") or not _is_ours(err):
        return None
    message = str(err)
    if isinstance(
        err, KeyError
    ):  # a parameter, dimension or reference that is missing is not about the input
        return None if f"'{model.name}'" in message else forward
    names_itself = message.startswith(model.name) and "got" in message and "expect" in message
    return None if names_itself else forward


def _is_ours(err: Exception) -> bool:
    """Whether it was raised by this package or its arrays, not by a network, hook or initializer given to it."""
    traceback = err.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_globals.get("__name__", "").partition(".")[0] not in PACKAGES:
            return False
        traceback = traceback.tb_next
    return True


def _explained(model: Any, err: Exception, expected: str, got: str, X: Any, annotation: Any) -> Exception:
    message = str(err)
    if isinstance(err, (AttributeError, TypeError)):  # such as "'NoneType' object has no attribute 'shape'"
        problems = find_problems(shorten(X), annotation)
        message = problems[0][1] if problems else message
    kind = next((kind for kind in REFUSALS[2:] if isinstance(err, kind)), TypeError)
    explained: Any = kind(f"{model.name} expects {expected}, but got {got}: {message}")
    explained._passed_a_layer = True
    explained.__cause__ = err
    return explained


def _of_width(model: Any, name: str) -> str:
    width = model.maybe_get_dim(name)
    return "" if width is None else f" of width {width}"


def describe(value: Any) -> str:
    """What something is, in a few words: the kind of a batch, dtypes and shapes."""
    if is_xp_array(value):
        return f"an array of {value.dtype} with shape {value.shape}"
    if isinstance(value, Ragged):
        return f"a Ragged of {len(value.lengths)} sequences with data of shape {value.data.shape}"
    if isinstance(value, Padded):
        return f"a Padded with data of shape {value.data.shape}"
    if isinstance(value, (list, tuple)):
        kind = type(value).__name__
        if not value:
            return f"an empty {kind}"
        items = [value[0], *value[1:5]]
        described = ", ".join(dict.fromkeys(describe(item) for item in items))
        return f"a {kind} of {len(value)}: {described}"
    if value is None or isinstance(value, (bool, int, float, numpy.generic)):
        return repr(value)
    return f"an object of type {type(value).__name__}"


def _innermost(forward: Any) -> Any:
    """The layer's own function below those of hooks and ranges, which take it as their first argument."""
    while isinstance(forward, functools.partial):
        forward = forward.args[0] if forward.args and callable(forward.args[0]) else forward.func
    return forward


def _annotation_of_input(forward: Any) -> Any:
    names = [name for name in getattr(forward, "__annotations__", {}) if name not in ("model", "return")]
    return get_hints(forward).get(names[0], Any) if names else Any


def _name(annotation: Any) -> str:
    """What an annotation stands for, in words."""
    if isinstance(annotation, TypeVar):
        if annotation.__constraints__:
            return _either(annotation.__constraints__)
        return _name(annotation.__bound__) if annotation.__bound__ is not None else "another kind of batch"
    if annotation is Any:
        return "another kind of batch"
    origin, args = get_origin(annotation), [arg for arg in get_args(annotation) if arg is not Ellipsis]
    if origin in (Union, types.UnionType):
        return _either(args)
    if isinstance(origin, type) and issubclass(origin, tuple):
        return f"a tuple ({', '.join(map(_name, args))})"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"a list of {_either(args)}"
    return getattr(annotation, "__name__", None) or str(annotation)


def _either(annotations: Any) -> str:
    return " or ".join(dict.fromkeys(map(_name, annotations)))
