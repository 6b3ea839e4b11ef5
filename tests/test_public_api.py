"""The public names, with their signatures, are those of the list in `tests/data/public_api`."""

import importlib
import inspect
import json
import math
from collections import defaultdict
from dataclasses import fields
from importlib.util import find_spec

import pytest

from helpers.process import run_python
from helpers.public_api import (
    canonical,
    evaluate,
    find,
    find_path,
    listed_parameters,
    parameters,
    read_entries,
)
from thinc.backends import CupyOps, MPSOps, NumpyOps, Ops
from thinc.config import registry

ENTRIES = [entry for entry in read_entries() if entry.kind != "section"]
OF_MODULES = [entry for entry in ENTRIES if not entry.section.startswith("registry ")]
# What has been added since: parameters with a default, after all others, so that no call changes its meaning.
ADDED = {
    ("thinc.model", "Model.begin_update"): {"input_gradient"},
    ("thinc.backends.ops", "backprop_lstm"): {"wants_dX"},
    ("thinc.backends.ops", "Ops.minibatch"): {"seed"},
    ("thinc.backends.ops", "Ops.multibatch"): {"seed"},
    ("thinc.optimizers", "Optimizer"): {
        "on_nonfinite",
        "clip",
        "groups",
        "freeze",
        "average_bias_correction",
        "rule",
    },
}


def of_kind(*kinds):
    found = [entry for entry in OF_MODULES if entry.kind in kinds]
    assert found
    return pytest.mark.parametrize("entry", [pytest.param(e, marks=needed(e), id=str(e)) for e in found])


def needed(entry):
    """The plugin of mypy is for those who have it."""
    missing = entry.section == "thinc.mypy" and find_spec("mypy") is None
    return [pytest.mark.skip(reason="needs mypy: pip install mypy")] if missing else []


@of_kind("names")
def test_names_can_be_imported(entry):
    module, names = importlib.import_module(entry.section), entry.text.split()
    assert [name for name in names if not hasattr(module, name)] == []
    assert len(names) == len(set(names))
    if entry.name == "__all__":
        assert sorted(module.__all__) == sorted(names + added_names(entry.section))
    else:
        assert entry.name in ("also", "added")


def added_names(section):
    """What is there besides the names of the 8.3 line."""
    entries = (entry for entry in ENTRIES if (entry.section, entry.name) == (section, "added"))
    return [name for entry in entries for name in entry.text.split()]


@of_kind("call")
def test_signature(entry):
    added = ADDED.get((entry.section, entry.name), set())
    listed, found = listed_parameters(entry), parameters(entry)
    ours = [p for p in found if p.name in added]
    assert {p.name for p in ours} == added
    assert all(p.default is not p.empty for p in ours)
    by_position = [p.name in added for p in found if p.kind == p.POSITIONAL_OR_KEYWORD]
    assert by_position == sorted(by_position)
    found = [p for p in found if p.name not in added]
    names = ["any" if a.name == "any" else b.name for a, b in zip(listed, found, strict=False)]
    assert names + [p.name for p in found[len(listed) :]] == [p.name for p in listed]
    for a, b in zip(listed, found, strict=True):
        assert (b.kind, b.default) == (a.kind, a.default), a.name
        assert type(b.default) is type(a.default) or isinstance(b.default, float), a.name
        if a.annotation is not a.empty:
            assert canonical(b.annotation) == canonical(a.annotation), a.name


@of_kind("property")
def test_property_cannot_be_assigned(entry):
    found = find(entry)
    assert inspect.isdatadescriptor(found)
    assert getattr(found, "fset", None) is None


@of_kind("<")
def test_base_classes(entry):
    bases = [evaluate(name, entry.section) for name in entry.text.split(", ")]
    assert [cls for cls in find(entry).__mro__ if cls in bases] == bases


@of_kind("fields")
def test_fields(entry):
    assert [field.name for field in fields(find(entry))] == entry.text.split()


@of_kind("=")
def test_value(entry):
    listed, found = evaluate(entry.text, entry.section), find(entry)
    if isinstance(listed, float):
        assert math.isclose(found, listed, rel_tol=1e-15)
    elif isinstance(listed, (str, tuple, dict)):
        assert found == listed
    else:
        assert canonical(found) == canonical(listed)


def listed_registries():
    registries = defaultdict(dict)
    for entry in read_entries():
        if entry.section.startswith("registry "):
            of_kind = registries[entry.section.split()[1]]
            if entry.kind == "=":
                of_kind[entry.name] = entry.text
    return registries


@pytest.mark.parametrize("kind, listed", listed_registries().items())
def test_registry(kind, listed):
    found = getattr(registry, kind).get_all()
    assert {name: found.get(name) for name in listed} == {name: find_path(at) for name, at in listed.items()}


def test_registries_hold_nothing_else():
    """In a process of its own: tests add functions of theirs."""
    kinds = list(listed_registries())
    names = f"{{kind: sorted(getattr(thinc.registry, kind).get_all()) for kind in {kinds}}}"
    done = run_python("-c", f"import json, thinc.api, thinc; print(json.dumps({names}))")
    expected = {
        kind: [*names, *added_names(f"registry {kind}")] for kind, names in listed_registries().items()
    }
    assert json.loads(done.stdout) == {kind: sorted(names) for kind, names in expected.items()}


def test_the_list_is_complete():
    """What a module exports is described: a class or function in the list of `__all__` has a line of its own.

    Except in façades, which export what is described where it is defined.
    """
    described = {entry.section: set() for entry in OF_MODULES}
    exported = {}
    for entry in OF_MODULES:
        if entry.kind == "names" and entry.name == "__all__":
            exported[entry.section] = entry.text.split()
        elif entry.kind != "names":
            described[entry.section].add(entry.name.split(".")[0])
    by_name = set().union(*described.values())
    for section, names in exported.items():
        module = importlib.import_module(section)
        callables = {
            n
            for n in names
            if inspect.isroutine(getattr(module, n, 0)) or inspect.isclass(getattr(module, n, 0))
        }
        assert callables <= by_name, section


@pytest.mark.parametrize("cls", [NumpyOps, CupyOps, MPSOps])
def test_backends_have_the_methods_of_the_reference(cls):
    """Every operation of a backend is one of `Ops`, with the same names, order and defaults of its parameters."""
    methods = {name for name in dir(cls) if not name.startswith("_") and callable(getattr(cls, name))}
    assert methods - {name for name in dir(Ops) if not name.startswith("_")} == set()
    assert len(methods) > 100
    for name in methods:
        ours, reference = (inspect.signature(getattr(c, name)).parameters.values() for c in (cls, Ops))
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in reference], name
