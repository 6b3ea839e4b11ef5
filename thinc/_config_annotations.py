"""Which annotations of a registered function confection gets to check.

Four kinds need help: iterables, which checking would draw from; containers, if there are iterators in the config,
which it draws from where it expects a list, too; pydantic's constrained types, whose constraints confection drops;
and all of them, if the user asked for no checks.
"""

import collections.abc
import functools
import inspect
import types
from collections.abc import Callable
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from .types import _ValidatedType

_DRAWN_FROM = (collections.abc.Iterable, collections.abc.Iterator, collections.abc.Generator)
_CONTAINERS = (
    *(list, tuple, dict, set, frozenset),
    *(
        collections.abc.Sequence,
        collections.abc.MutableSequence,
        collections.abc.Set,
        collections.abc.MutableSet,
    ),
    *(collections.abc.Mapping, collections.abc.MutableMapping),
)

_CONSTRAINT_PACKAGES = ("pydantic", "annotated_types")


def adapt_annotations(
    func: Callable[..., Any], validate: bool, has_iterators: bool = False
) -> Callable[..., Any]:
    """The function, or one that calls it and has other annotations.

    Parameters
    ----------
    func : callable
        A registered function or class.
    validate : bool
        If false, only annotations that make confection convert an argument are kept.
    has_iterators : bool
        Whether `holds_iterator` says so of the config.
    """
    try:
        signature = inspect.signature(func)
    except (TypeError, ValueError):  # some builtins have none
        return func
    hints = _get_hints(func)
    parameters = []
    changed = False
    for parameter in signature.parameters.values():
        annotation = hints.get(parameter.name, parameter.annotation)
        keep = validate or _is_model(annotation)
        adapted = _adapt(annotation, has_iterators) if keep else inspect.Parameter.empty
        parameters.append(parameter.replace(annotation=adapted))
        changed = changed or adapted is not annotation
    if not changed and hasattr(func, "__name__"):
        return func

    @functools.wraps(func, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    call.__name__ = getattr(func, "__name__", type(func).__name__)  # objects that are called have none
    del call.__wrapped__  # it would lead back to the annotations of `func`
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in parameters if p.annotation is not p.empty}
    if signature.return_annotation is not signature.empty:
        call.__annotations__["return"] = hints.get("return", signature.return_annotation)
    return call


def holds_iterator(value: Any) -> bool:
    """Whether there is an iterator in a config."""
    if isinstance(value, dict):
        return any(map(holds_iterator, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(holds_iterator, value))
    return hasattr(value, "__next__")


def _get_hints(func: Callable[..., Any]) -> dict[str, Any]:
    annotated: Any = vars(func).get("__init__", func) if isinstance(func, type) else func
    try:
        return get_type_hints(annotated, include_extras=True)
    except (NameError, TypeError, AttributeError):  # forward references that lead nowhere are not checked
        return {}


def _is_model(annotation: Any) -> bool:
    """Whether confection turns a dict into this: a model of pydantic v2 or v1."""
    return hasattr(annotation, "__pydantic_validator__") or hasattr(annotation, "__fields__")


def _adapt(annotation: Any, has_iterators: bool) -> Any:
    """The annotation to check instead; the same object if there is nothing to change."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in _DRAWN_FROM:
        return _make_check(annotation, _check_iterable)
    if origin is Annotated:
        constrained = any(type(m).__module__.split(".")[0] in _CONSTRAINT_PACKAGES for m in args[1:])
        return _make_check(annotation, _check_constrained) if constrained else _adapt(args[0], has_iterators)
    if has_iterators and origin in _CONTAINERS:  # not else: messages then say which item is wrong
        return _make_check(annotation, _check_container)
    if origin in (Union, types.UnionType, *_CONTAINERS):
        adapted = tuple(_adapt(arg, has_iterators) for arg in args)
        if any(new is not old for new, old in zip(adapted, args, strict=True)):
            return (Union if origin is types.UnionType else origin)[adapted]
    return annotation


class _Check(type):
    """The class of checks; their name in messages is that of the annotation they stand for."""

    annotation: Any

    def __repr__(cls) -> str:
        return repr(cls.annotation)


def _make_check(annotation: Any, check: Callable[[Any, Any], Any]) -> Any:
    def get_validator(cls: Any) -> Callable[[Any], Any]:
        return lambda value: check(value, annotation)

    members = {"annotation": annotation, "_get_validator": classmethod(get_validator)}
    return _Check("Check", (_ValidatedType,), members)


def _check_iterable(value: Any, annotation: Any) -> Any:
    """Check the items of containers only: others may not survive it, or have no end."""
    if not hasattr(value, "__iter__") and not hasattr(value, "__next__"):
        raise ValueError(f"not a valid iterator: got {type(value)}")
    return _check_container(value, annotation) if isinstance(value, collections.abc.Collection) else value


def _check_container(value: Any, annotation: Any) -> Any:
    """Check a container as confection does; what it takes for one, too, an iterator, is left alone."""
    from confection.validation import validate_type

    if not hasattr(value, "__next__"):
        args = tuple(_adapt(arg, True) for arg in get_args(annotation))
        origin: Any = get_origin(annotation)
        problem = validate_type(value, origin[args])
        if problem is not None:
            raise ValueError(problem)
    return value


def _check_constrained(value: Any, annotation: Any) -> Any:
    from pydantic import TypeAdapter

    TypeAdapter(annotation).validate_python(value)
    return value
