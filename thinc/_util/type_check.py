"""Check a value against an annotation, without drawing from iterators."""

import collections.abc
import dataclasses
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Problem = tuple[tuple[Any, ...], str]  # where inside the value, and what is wrong


def find_problems(value: Any, annotation: Any) -> list[Problem]:
    """What is wrong with a value: nothing, one thing, or each branch's complaint for a union.

    Parameters
    ----------
    value
        Anything.
    annotation
        Evaluated type annotation. What cannot be checked at run time passes.

    Returns
    -------
    list of (location, message)
    """
    return list(_check(value, annotation, ()))


def _check(value: Any, annotation: Any, loc: tuple[Any, ...]) -> Iterator[Problem]:
    origin = get_origin(annotation)
    if annotation is Any or isinstance(annotation, str):
        return
    if annotation is None or annotation is type(None):
        yield from _check_class(value, type(None), loc)
    elif isinstance(annotation, TypeVar):
        yield from _check_typevar(value, annotation, loc)
    elif hasattr(annotation, "__supertype__"):  # NewType
        yield from _check(value, annotation.__supertype__, loc)
    elif origin in (Union, types.UnionType):
        yield from _check_union(value, get_args(annotation), loc)
    elif origin is Literal:
        if value not in get_args(annotation):
            yield loc, f"expected one of {get_args(annotation)}, got {value!r}"
    elif annotation is Callable or origin is collections.abc.Callable:
        if not callable(value):
            yield loc, f"value is not callable: got {type(value)}"
    elif hasattr(annotation, "__get_validators__"):
        yield from _check_hook(value, annotation, loc)
    elif dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        yield from _check_dataclass(value, annotation, loc)
    elif origin is not None:
        yield from _check_generic(value, origin, get_args(annotation), loc)
    elif isinstance(annotation, type):
        yield from _check_class(value, annotation, loc)


def _check_class(value: Any, cls: type, loc: tuple[Any, ...]) -> Iterator[Problem]:
    if getattr(cls, "_is_protocol", False):
        return
    accepted = (int, float) if cls is float else cls
    if not isinstance(value, accepted) or (isinstance(value, bool) and cls in (int, float)):
        yield loc, f"instance of {cls.__name__} expected, got {type(value)}"


def _check_typevar(value: Any, variable: TypeVar, loc: tuple[Any, ...]) -> Iterator[Problem]:
    if variable.__constraints__:
        yield from _check_union(value, variable.__constraints__, loc)
    elif variable.__bound__ is not None:
        yield from _check(value, variable.__bound__, loc)


def _check_union(value: Any, branches: tuple[Any, ...], loc: tuple[Any, ...]) -> Iterator[Problem]:
    problems: list[Problem] = []
    for branch in branches:
        found = list(_check(value, branch, loc))
        if not found:
            return
        problems.extend(problem for problem in found if problem not in problems)
    yield from problems


def _check_hook(value: Any, annotation: Any, loc: tuple[Any, ...]) -> Iterator[Problem]:
    """Our array types and others with the validators of pydantic v1."""
    try:
        for validate in annotation.__get_validators__():
            validate(value)
    except (TypeError, ValueError) as err:
        yield loc, str(err)


def _check_dataclass(value: Any, cls: Any, loc: tuple[Any, ...]) -> Iterator[Problem]:
    if not isinstance(value, (cls, dict)):
        yield from _check_class(value, cls, loc)
        return
    try:
        hints = get_type_hints(cls)
    except NameError:  # forward references that lead nowhere
        return
    arguments = inspect.signature(cls).parameters.values()  # not every field need be one
    required = {argument.name for argument in arguments if argument.default is argument.empty}
    for field in dataclasses.fields(cls):
        where = (*loc, field.name)
        if isinstance(value, cls):
            yield from _check(getattr(value, field.name), hints[field.name], where)
        elif field.name in value:
            yield from _check(value[field.name], hints[field.name], where)
        elif field.name in required:
            yield where, "field required"


def _check_generic(value: Any, origin: Any, args: tuple[Any, ...], loc: tuple[Any, ...]) -> Iterator[Problem]:
    if origin is type:
        if not isinstance(value, type):
            yield loc, f"a class expected, got {type(value)}"
        return
    if not isinstance(origin, type) or origin is collections.abc.Iterator:
        return
    wrong = list(_check_class(value, origin, loc))
    if wrong:
        yield from wrong
    elif isinstance(value, tuple) and origin is tuple and args and args[-1] is not Ellipsis:
        expected = () if args == ((),) else args
        if len(value) != len(expected):
            yield loc, f"wrong tuple length {len(value)}, expected {len(expected)}"
            return
        for i, (item, annotation) in enumerate(zip(value, expected, strict=True)):
            yield from _check(item, annotation, (*loc, i))
    elif isinstance(value, dict):
        for key, item in value.items() if len(args) == 2 else ():
            yield from _check(key, args[0], (*loc, "__key__"))
            yield from _check(item, args[1], (*loc, key))
    elif isinstance(value, (list, tuple, set, frozenset)) and args:
        for i, item in enumerate(value):
            yield from _check(item, args[0], (*loc, i))
