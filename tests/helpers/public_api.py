"""Read the list of public names in `tests/data/public_api`, and look up what a line of it speaks of."""

import ast
import importlib
import inspect
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Union

FOLDER = Path(__file__).parent.parent / "data" / "public_api"
_ENTRY = re.compile(r"(?P<name>[\w.]+)(?P<kind>: property$|\(| < | = | fields: |: )(?P<rest>.*)$")
# What annotations and values in the list may use, besides the names of the module that they are about.
_NAMES = {
    name: getattr(typing, name)
    for name in ("Any", "Dict", "Generic", "List", "Literal", "Optional", "Tuple", "Union")
} | {"Callable": Callable, "Iterable": Iterable, "Sequence": Sequence, "math": math}


class Entry(NamedTuple):
    """One line: what it is about, the kind of the statement, and the statement."""

    section: str
    name: str
    kind: str
    text: str

    def __str__(self):
        return f"{self.section} {self.name}"


def read_entries():
    """All lines of all files, in order."""
    return [entry for path in sorted(FOLDER.glob("*.txt")) for entry in _read(path)]


def _read(path):
    section = None
    for line in path.read_text(encoding="utf8").replace("\n    ", " ").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            yield Entry(section, "", "section", "")
        elif line:
            match = _ENTRY.match(line)
            if match is None:
                raise ValueError(f"{path.name}: cannot read the line {line!r}")
            kind = match["kind"].strip(" :(") or ("call" if match["kind"] == "(" else "names")
            rest = match["rest"].removesuffix(")") if kind == "call" else match["rest"]
            yield Entry(section, match["name"], kind, rest)


def find(entry):
    """The object that an entry is about."""
    found = importlib.import_module(entry.section)
    for part in entry.name.split("."):
        found = inspect.getattr_static(found, part) if inspect.isclass(found) else getattr(found, part)
    return found


def find_path(path):
    """The object of a dotted path."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def evaluate(text, module_name):
    """A value in the list, in terms of the module that it is about."""
    return eval(text, {**vars(importlib.import_module(module_name)), **_NAMES})


def listed_parameters(entry):
    """Name, kind, default and annotation of the parameters that an entry lists; what is not there is empty."""
    function = ast.parse(f"def f({entry.text}): pass").body[0]
    arguments = function.args
    P = inspect.Parameter
    found = []

    def add(argument, kind, default):
        value = P.empty if default is None else evaluate(ast.unparse(default), entry.section)
        annotation = P.empty
        if argument.annotation is not None:
            annotation = evaluate(ast.unparse(argument.annotation), entry.section)
        found.append(P(argument.arg, kind, default=value, annotation=annotation))

    defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + arguments.defaults
    for argument, default in zip(arguments.args, defaults, strict=True):
        add(argument, P.POSITIONAL_OR_KEYWORD, default)
    if arguments.vararg:
        add(arguments.vararg, P.VAR_POSITIONAL, None)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        add(argument, P.KEYWORD_ONLY, default)
    if arguments.kwarg:
        add(arguments.kwarg, P.VAR_KEYWORD, None)
    return found


def parameters(entry):
    """Those of the function, class or method itself, as it is called: without `self` or `cls`."""
    found = find(entry)
    is_method = "." in entry.name and not isinstance(found, (classmethod, staticmethod))
    if isinstance(found, (classmethod, staticmethod)):
        owner = find(entry._replace(name=entry.name.rpartition(".")[0]))
        found = getattr(owner, entry.name.rpartition(".")[2])
    listed = list(inspect.signature(found, eval_str=False).parameters.values())
    return listed[1:] if is_method else listed


def canonical(annotation):
    """An annotation or alias, in a form in which it does not matter how it was written."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        members = [canonical(arg) for arg in args]
        return frozenset().union(*(m if isinstance(m, frozenset) else {m} for m in members))
    if origin is Literal:
        return ("Literal", frozenset(args))
    if origin is not None:
        return (origin.__name__, *(canonical(arg) for arg in args))
    if isinstance(annotation, (str, typing.ForwardRef)):
        return getattr(annotation, "__forward_arg__", annotation).rpartition(".")[2]
    return getattr(annotation, "__name__", annotation)
