"""Stub files say what the compiled modules beside them have: names, parameters, defaults."""

import ast
import importlib
import inspect
from pathlib import Path
from types import WrapperDescriptorType
from unittest.mock import ANY

import pytest

import thinc
from helpers.process import run_python
from thinc.backends import NumpyOps, Ops

ROOT = Path(thinc.__file__).parent
STUBS = sorted(ROOT.rglob("*.pyi"))
# The mixins of NumpyOps have the signatures of Ops, which is tested below.
MODULES = sorted(path for path in ROOT.rglob("*.pyx") if not path.name.startswith("_cpu_"))
SPECIAL = {"__init__", "__len__", "__call__", "__enter__", "__exit__"}


def name_of(path):
    return ".".join(["thinc", *path.relative_to(ROOT).with_suffix("").parts])


def relative(path):
    return path.relative_to(ROOT).as_posix()


def is_public(name):
    return not name.startswith("_") or name in SPECIAL


def stub_parameters(function):
    """Per parameter of a function in a stub: its name, its kind, whether it has a default."""
    arguments = function.args
    positional = arguments.posonlyargs + arguments.args
    first_default = len(positional) - len(arguments.defaults)
    P = inspect.Parameter
    found = [(a.arg, P.POSITIONAL_OR_KEYWORD, i >= first_default) for i, a in enumerate(positional)]
    if arguments.vararg:
        found.append((arguments.vararg.arg, P.VAR_POSITIONAL, False))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append((argument.arg, P.KEYWORD_ONLY, default is not None))
    if arguments.kwarg:
        found.append((arguments.kwarg.arg, P.VAR_KEYWORD, False))
    return found


def parameters(function):
    """The same of a function at run time; special methods of extension types do not tell."""
    if isinstance(function, WrapperDescriptorType):
        return ANY
    return [
        (p.name, p.kind, p.default is not p.empty) for p in inspect.signature(function).parameters.values()
    ]


def is_property(function):
    return any(isinstance(d, ast.Name) and d.id == "property" for d in function.decorator_list)


def described(path):
    """Public names of a stub: parameters of a function, or members of a class."""

    def collect(body):
        methods = (node for node in body if isinstance(node, ast.FunctionDef) and not is_property(node))
        functions = {node.name: stub_parameters(node) for node in methods}
        classes = {node.name: collect(node.body) for node in body if isinstance(node, ast.ClassDef)}
        return {name: found for name, found in (functions | classes).items() if is_public(name)}

    return collect(ast.parse(path.read_text(encoding="utf8")).body) if path.exists() else {}


def built(module):
    """Public names of a module that it defines itself, or lists in `__all__`, as `described`."""
    listed = getattr(module, "__all__", ())

    def collect(members, of_class=False):
        found = {}
        for name, value in members.items():
            if not is_public(name):
                continue
            own = getattr(value, "__module__", None) == module.__name__ or name in listed
            if inspect.isclass(value) and own:
                found[name] = collect(vars(value), of_class=True)
            elif callable(value) and (of_class or own):
                found[name] = parameters(value)
        return found

    return collect(vars(module))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_stub_describes_the_module(path):
    module = importlib.import_module(name_of(path))
    assert described(path.with_suffix(".pyi")) == built(module)


@pytest.mark.parametrize("path", STUBS, ids=relative)
def test_stub_has_a_compiled_module(path):
    assert path.with_suffix(".pyx").exists()
    names = described(path)
    assert names, "a stub without a public name says nothing: leave it out"


# What Cython puts into modules and classes.
ALLOWED = r"""
thinc\..*\.__pyx_capi__
thinc\..*\.__test__
thinc\..*\.__(reduce|setstate)_cython__
"""


def test_stubs_with_stubtest(tmp_path):
    """Mypy imports the modules, and compares: attributes too, and what is no function."""
    (tmp_path / "allowed.txt").write_text(ALLOWED, encoding="utf8")
    (tmp_path / "mypy.ini").write_text("[mypy]\nignore_missing_imports = true\n", encoding="utf8")
    options = ["--mypy-config-file", "mypy.ini", "--allowlist", "allowed.txt", "--ignore-unused-allowlist"]
    options += ["--concise", "--ignore-disjoint-bases"]
    done = run_python(
        "-m", "mypy.stubtest", *options, *map(name_of, STUBS), cwd=tmp_path, check=False, MYPYPATH=mypy_path()
    )
    assert done.returncode == 0, done.stdout + done.stderr


def mypy_path():
    """Mypy looks into the folder of installed packages anyway, and refuses to be told."""
    return None if "site-packages" in ROOT.parts else str(ROOT.parent)


def compiled_operations():
    """Names of the methods of NumpyOps that are not those of Ops."""
    classes = NumpyOps.__mro__[: NumpyOps.__mro__.index(Ops)]
    members = {name: value for cls in classes for name, value in vars(cls).items()}
    return sorted(name for name, value in members.items() if callable(value) and not name.startswith("__"))


@pytest.mark.parametrize("name", compiled_operations())
def test_compiled_operation_has_the_signature_of_the_reference(name):
    """Type checkers and readers see Ops: what replaces one of its methods takes the same arguments."""

    def signature(cls):
        found = inspect.signature(getattr(cls, name)).parameters.values()
        return [(p.name, p.kind, p.default) for p in found]

    assert signature(NumpyOps) == signature(Ops)


def test_compiled_operations_are_many():
    assert {"relu", "seq2col", "adam", "hash", "softmax", "maxout"} <= set(compiled_operations())
