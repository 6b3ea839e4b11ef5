"""The façades re-export, define nothing, and cost little to import."""

import ast
import importlib
from pathlib import Path

import pytest

import thinc
import thinc.api
from helpers.process import run_python

FACADES = ["thinc.api", "thinc.shims", "thinc.layers"]


def parse(module_name):
    return ast.parse(Path(importlib.import_module(module_name).__file__).read_text(encoding="utf8"))


@pytest.mark.parametrize("module_name", FACADES)
def test_facade_imports_what_it_exports(module_name):
    imported = [
        alias.asname or alias.name
        for node in ast.walk(parse(module_name))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    public = [name for name in imported if not name.startswith("_")]
    module = importlib.import_module(module_name)
    assert sorted(public) == sorted(set(public))
    assert set(public) == set(module.__all__)
    assert sorted(module.__all__) == sorted(set(module.__all__))
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("module_name", FACADES)
def test_facade_defines_nothing(module_name):
    defined = [n for n in ast.walk(parse(module_name)) if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    assert defined == []


def test_layers_are_all_in_the_api():
    assert set(importlib.import_module("thinc.layers").__all__) <= set(thinc.api.__all__)


def test_top_level():
    assert thinc.__all__ == ["registry", "get_num_threads", "set_num_threads", "__version__"]
    assert thinc.registry is thinc.api.registry
    assert thinc.__version__ == "8.3.100"
    assert isinstance(thinc.info(), dict)


def test_config_is_found_late():
    from thinc.api import Config, ConfigValidationError
    from thinc.config import Config as SameConfig

    assert Config is SameConfig and issubclass(ConfigValidationError, ValueError)
    namespace = {}
    exec("from thinc.api import *", namespace)
    assert namespace["Config"] is Config
    with pytest.raises(AttributeError, match="no attribute 'Konfig'"):
        getattr(thinc.api, "Konfig")  # noqa: B009 -- to raise is the point
    with pytest.raises(ImportError, match=r"'Konfig' from 'thinc\.api'"):
        from thinc.api import Konfig  # noqa: F401


def test_import_is_light(tmp_path):
    frameworks = ["torch", "tensorflow", "jax", "cupy", "mxnet", "ray"]
    heavy = [
        *frameworks,
        "h5py",
        "pydantic",
        "catalogue",
        "confection",
        "srsly",
        "wasabi",
        "matplotlib",
        "tqdm",
        "murmurhash",
    ]
    code = f"import sys, thinc.api; print(sorted(set({heavy!r}) & set(sys.modules)))"
    done = run_python("-c", code, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


def test_import_brings_little_of_the_standard_library(tmp_path):
    """Beyond what NumPy brings, which differs by its version. Each of these took a millisecond or more."""
    heavy = [
        "hashlib",
        "html",
        "ipaddress",
        "json",
        "pathlib",
        "pickle",
        "random",
        "secrets",
        "tempfile",
        "urllib",
    ]
    code = (
        "import sys, numpy; before = set(sys.modules)\n"
        f"import thinc.api; print(sorted(set({heavy!r}) & (set(sys.modules) - before)))"
    )
    done = run_python("-c", code, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


def test_everything_is_registered_after_import(tmp_path):
    count = "print(len(thinc.registry.layers.get_all()))"
    code = f"import thinc; {count}; import thinc.api; {count}"
    done = run_python("-c", code, cwd=tmp_path)
    before, after = map(int, done.stdout.split())
    assert before == 0 and after >= 20
