"""The house: a file imports only from lower floors, or from its own unit."""

import ast
import re
from pathlib import Path

import pytest

import thinc

ROOT = Path(thinc.__file__).parent

# From the ground up. A unit is a folder, or a file with its private companions (``model``: ``_model_io``).
FLOORS = [
    {"about"},
    {"compat"},
    {"types"},
    {"_util"},
    {"config"},
    {"kernels"},
    {"backends"},
    {"util"},
    {"initializers", "schedules"},
    {"optimizers", "loss"},
    {"shims"},
    {"model"},
    {"layers", "extra", "checkpoint", "safetensors", "_info", "_profile"},
    {"distributed", "onnx", "plots", "sklearn"},
    {"api", "__main__", "__init__"},
]
ALONE = {"mypy"}  # imports nothing of ours, and nothing imports it

FILES = sorted(
    path.relative_to(ROOT)
    for path in ROOT.rglob("*")
    if path.suffix in (".py", ".pyx", ".pxd")
    and path.is_file()
    and ROOT / "include" not in path.parents  # copies, made by the build
)
PYX_IMPORT = re.compile(r"^\s*(?:from\s+(\.*[\w.]*)\s+c?import\s+(.+)|c?import\s+([\w., ]+))", re.M)


def unit_of(parts):
    """The unit that a module belongs to, given by its path below the package."""
    name = parts[0] if parts else "__init__"
    units = set.union(*FLOORS, ALONE)
    if name in units:
        return name
    for unit in units:  # also in the singular: ``_optimizer_formulas`` belongs to ``optimizers``
        if name == f"_{unit}" or name.startswith((f"_{unit}_", f"_{unit.removesuffix('s')}_")):
            return unit
    return None


def floor_of(unit):
    return next((number for number, units in enumerate(FLOORS) if unit in units), None)


def exists(parts):
    path = ROOT.joinpath(*parts)
    return path.is_dir() or any(path.with_suffix(suffix).exists() for suffix in (".py", ".pyx", ".pxd"))


def imported_modules(file, text):
    """Paths below the package of all that a file imports from it, wherever in the file."""
    if file.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                yield from resolve(file, node.level, node.module or "", [alias.name for alias in node.names])
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    yield from resolve(file, 0, alias.name, [])
        return
    for source, names, modules in PYX_IMPORT.findall(text):
        if source:
            dots = len(source) - len(source.lstrip("."))
            yield from resolve(file, dots, source[dots:], re.findall(r"\w+", names))
        for module in modules.split(","):
            yield from resolve(file, 0, module.split(" as ")[0].strip(), [])


def resolve(file, level, module, names):
    parts = tuple(module.split(".")) if module else ()
    if level:
        base = file.parts[:-1]
        parts = base[: len(base) - level + 1] + parts
    elif parts[:1] == ("thinc",):
        parts = parts[1:]
    else:
        return
    for name in names or [None]:
        submodule = (*parts, name) if name else parts
        yield submodule if name and exists(submodule) else parts


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_go_down(file):
    unit = unit_of((file.parts[0].removesuffix(file.suffix), *file.parts[1:]))
    assert unit is not None, f"{file} belongs to no unit: give it a floor in FLOORS"
    for parts in imported_modules(file, (ROOT / file).read_text(encoding="utf8")):
        imported = unit_of(parts)
        assert imported is not None, f"{file} imports thinc.{'.'.join(parts)}, which has no floor in FLOORS"
        if imported == unit:
            continue
        assert unit not in ALONE and imported not in ALONE, (
            f"{file} imports {imported}; one of them stands alone"
        )
        assert floor_of(imported) < floor_of(unit), (
            f"{file} is on floor {floor_of(unit)}, but imports thinc.{'.'.join(parts)} "
            f"from floor {floor_of(imported)}: move what it needs down"
        )


def test_the_rule_finds_violations():
    """The checker itself: upward imports of every form are seen."""
    up = ("layers", "linear")
    for text, name in [
        ("from .layers.linear import Linear", "x.py"),
        ("from thinc.layers.linear import Linear", "x.py"),
        ("def f():\n    import thinc.layers.linear", "x.py"),
        ("from .layers cimport linear", "x.pyx"),
        ("cimport thinc.layers.linear as l", "x.pyx"),
        ("from thinc.layers.linear cimport (A, B)", "x.pxd"),
    ]:
        assert up in set(imported_modules(Path(name), text)), text
    assert set(
        imported_modules(Path("_util/arrays.py"), "from .. import compat\nfrom ..types import Ragged")
    ) == {
        ("compat",),
        ("types",),
    }
    assert unit_of(("_model_io",)) == "model" and unit_of(("_util", "arrays")) == "_util"
    assert unit_of(("util",)) == "util" and unit_of(()) == "__init__"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_modules_say_what_they_are_for(file):
    text = (ROOT / file).read_text(encoding="utf8")
    if file.suffix == ".py" and text.strip():
        assert ast.get_docstring(ast.parse(text)), f"{file} starts without a docstring"


def test_one_file_imports_ray():
    def imports_ray(path):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            if any(name.split(".")[0] == "ray" for name in names):
                return True
        return False

    found = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py") if imports_ray(path)]
    assert found == ["distributed/_ray.py"]


def test_callbacks_of_layers_are_annotated_by_names():
    """The annotations of a function within one are evaluated in each call: `Tuple[Any, ...]` takes 0.4 µs."""
    for path in sorted((ROOT / "layers").glob("*.py")):
        functions = [node for node in ast.walk(ast.parse(path.read_text("utf8"))) if hasattr(node, "returns")]
        for outer in functions:
            for inner in ast.walk(outer):
                if inner is not outer and isinstance(inner, ast.FunctionDef):
                    arguments = [*inner.args.posonlyargs, *inner.args.args, *inner.args.kwonlyargs]
                    for annotation in [inner.returns, *(argument.annotation for argument in arguments)]:
                        assert annotation is None or isinstance(annotation, (ast.Name, ast.Constant)), (
                            f"{path.name}, line {annotation.lineno}: {ast.unparse(annotation)}; say Any"
                        )
