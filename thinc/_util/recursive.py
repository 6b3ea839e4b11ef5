"""Find or replace items inside nested lists, tuples, dicts and call arguments."""

from collections.abc import Callable, Iterator
from typing import Any

from ..types import ArgsKwargs


def convert_recursive(is_match: Callable[[Any], bool], convert_item: Callable[[Any], Any], obj: Any) -> Any:
    """Replace every match inside a nested structure.

    Parameters
    ----------
    is_match : callable
        Tells whether an object is to be converted; a match is not searched further.
    convert_item : callable
        Gives the replacement of a match.
    obj
        An object; lists, tuples, dicts (keys and values) and ArgsKwargs are searched.

    Returns
    -------
    A structure of the same form, made of plain lists, tuples and dicts; anything else is the same object.
    """
    if is_match(obj):
        return convert_item(obj)
    if isinstance(obj, ArgsKwargs):
        return ArgsKwargs.from_items(convert_recursive(is_match, convert_item, list(obj.items())))
    if isinstance(obj, dict):
        return dict(convert_recursive(is_match, convert_item, list(obj.items())))
    if isinstance(obj, list):
        return [convert_recursive(is_match, convert_item, item) for item in obj]
    if isinstance(obj, tuple):
        return tuple(convert_recursive(is_match, convert_item, item) for item in obj)
    return obj


def iterate_recursive(is_match: Callable[[Any], bool], obj: Any) -> Iterator[Any]:
    """Yield every match inside a nested structure, in the order `convert_recursive` meets them."""
    if is_match(obj):
        yield obj
    elif isinstance(obj, (ArgsKwargs, dict)):
        for key, value in obj.items():
            yield from iterate_recursive(is_match, key)
            yield from iterate_recursive(is_match, value)
    elif isinstance(obj, (list, tuple)):
        for item in obj:
            yield from iterate_recursive(is_match, item)
