"""Check the data a model is initialized with against the annotations of its forward function."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, get_type_hints

from .. import types
from .type_check import Problem, find_problems

DATA_VALIDATION: ContextVar[bool] = ContextVar("DATA_VALIDATION", default=False)
_MAX_ITEMS = 5  # of a list, so that checking a corpus takes no time


class DataValidationError(ValueError):
    """The data does not fit the layer it was given to.

    Parameters
    ----------
    name : str
        The layer's.
    X, Y
        Its input and output.
    errors : sequence of dict
        ``loc`` (a sequence) says where, ``msg`` says what; either may be left out.
    """

    def __init__(self, name: str, X: Any, Y: Any, errors: Sequence[dict[str, Any]] = []):
        rows = [(" -> ".join(str(p) for p in error.get("loc", ())), error.get("msg", "")) for error in errors]
        width = max((len(loc) for loc, _ in rows), default=0)
        table = "".join(f"\n{loc:<{width}}   {message}" for loc, message in rows)
        super().__init__(f"\n\nData validation error in '{name}'\nX: {type(X)} Y: {type(Y)}\n{table}\n")


@contextmanager
def data_validation(validation: bool) -> Iterator[None]:
    """Turn the check of the data given to `Model.initialize` on or off within the block.

    Parameters
    ----------
    validation : bool
        Whether to check. Outside of any such block it is off.
    """
    token = DATA_VALIDATION.set(validation)
    try:
        yield
    finally:
        DATA_VALIDATION.reset(token)


def validate_fwd_input_output(name: str, func: Callable[..., Any], X: Any, Y: Any) -> None:
    """Check input and output of a forward function against its annotations.

    Parameters
    ----------
    name : str
        The layer's name, for the message.
    func : callable
        ``forward(model, X, is_train)``, returns the pair (output, callback).
    X, Y
        Sample of input and output, None if there is none.

    Raises
    ------
    DataValidationError
        If `func` does not take three arguments, or if the data does not fit.
    """
    parameters = [p for p in inspect.signature(func).parameters.values() if not _is_setting(p)]
    if len(parameters) != 3:
        names = [p.name for p in parameters]
        message = (
            "invalid forward function: expected 3 arguments (model, X, is_train), "
            f"got {len(parameters)}: {names}"
        )
        raise DataValidationError(name, X, Y, [{"loc": ("forward",), "msg": message}])
    hints = get_hints(func)
    annotations = {p.name: hints.get(p.name, Any) for p in parameters}
    errors: list[dict[str, Any]] = []
    if X is not None:
        errors += _as_errors("X", find_problems(shorten(X), annotations[parameters[1].name]))
    if Y is not None and "return" in hints:
        errors += _as_errors("Y", find_problems((shorten(Y), _some_callback), hints["return"]))
    if errors:
        raise DataValidationError(name, X, Y, errors)


def _some_callback(dY: Any) -> Any:
    return dY


def _is_setting(parameter: inspect.Parameter) -> bool:
    """Whether it is none that a model passes: keywords of which nothing is known, or those that a partial has bound."""
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        return parameter.name != "is_train" and parameter.default is not inspect.Parameter.empty
    return parameter.kind is inspect.Parameter.VAR_KEYWORD


def shorten(data: Any) -> Any:
    """The first items of a list, which are enough to check."""
    return data[:_MAX_ITEMS] if isinstance(data, list) else data


def _as_errors(argument: str, problems: list[Problem]) -> list[dict[str, Any]]:
    return [{"loc": (argument, *loc), "msg": message} for loc, message in problems]


def get_hints(func: Any) -> dict[str, Any]:
    """Evaluate the annotations of a function; names come from where the function was defined, or from `thinc.types`."""
    while hasattr(func, "func") and not inspect.isfunction(func):  # functools.partial
        func = func.func
    func = inspect.unwrap(func)
    if not inspect.isroutine(func) and not inspect.isclass(func):
        func = type(func).__call__
    namespace = {**vars(types), **getattr(func, "__globals__", {})}
    hints = {}
    for name, annotation in getattr(func, "__annotations__", {}).items():
        try:
            holder: Any = SimpleNamespace(__annotations__={name: annotation})
            hints[name] = get_type_hints(holder, globalns=namespace, localns=namespace)[name]
        except (NameError, TypeError, SyntaxError):  # it leads nowhere, so it cannot be checked
            continue
    return hints
