"""What the wheel contains and what its metadata say. Needs an installed wheel, as `make test` makes it."""

import contextlib
import os
import re
import sysconfig
from importlib import metadata
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import thinc
from thinc.about import __version__

pytestmark = pytest.mark.skipif(
    not os.environ.get("THINC_TEST_INSTALLED"),
    reason="examines the installed wheel: run `make test`, which sets THINC_TEST_INSTALLED=1",
)
SOURCE = Path(__file__).parent.parent / "thinc"
SHIPPED = {".py", ".pyi", ".pyx", ".pxd", ".hh", ".cu", ".typed"}
INCLUDE = PurePosixPath("thinc/include")  # made by the build


@pytest.fixture(scope="module")
def files():
    """Paths of the installed files, without what the interpreter and the installer added."""
    recorded = [PurePosixPath(str(path)) for path in metadata.files("thinc") or ()]
    return {path for path in recorded if "__pycache__" not in path.parts and path.parts[0] != ".."}


def source_files():
    paths = (path for path in SOURCE.rglob("*") if path.suffix in SHIPPED and "__pycache__" not in path.parts)
    relative = (PurePosixPath(path.relative_to(SOURCE.parent).as_posix()) for path in paths)
    return {path for path in relative if INCLUDE not in path.parents}


def test_imported_from_site_packages():
    folders = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}
    assert Path(thinc.__file__).resolve().parent.parent in folders


def test_version():
    assert metadata.version("thinc") == thinc.__version__ == __version__
    assert re.fullmatch(r"8\.3\.\d{2,}", __version__), "clients pin thinc>=8.3.12,<8.4"


def test_entry_point():
    (found,) = (
        entry
        for entry in metadata.entry_points(group="pytest_randomly.random_seeder")
        if entry.name == "thinc"
    )
    assert found.value == "thinc.api:fix_random_seed"
    assert found.load() is thinc.api.fix_random_seed


def test_dependencies_are_few():
    names = {
        re.match(r"[\w-]+", requirement).group()
        for requirement in metadata.requires("thinc")
        if "extra ==" not in requirement
    }
    assert names == {
        "numpy", "blis", "murmurhash", "cymem", "preshed", "catalogue", "confection", "srsly", "packaging",
    }  # fmt: skip


def requirements(name):
    """Names of what the distribution needs in this environment, extras aside."""
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def of_extras(*extras):
    """What these extras add, as far as it is installed."""
    for text in metadata.requires("thinc"):
        requirement = Requirement(text)
        marker = requirement.marker
        if (
            marker
            and not marker.evaluate({"extra": ""})
            and any(marker.evaluate({"extra": e}) for e in extras)
        ):
            with contextlib.suppress(metadata.PackageNotFoundError):
                metadata.version(requirement.name)
                yield canonicalize_name(requirement.name)


def test_licences_of_what_is_needed_ask_for_no_more_than_ours():
    waiting, seen = ["thinc", *of_extras("plots", "sklearn", "safetensors")], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting.extend(requirements(name))
        about = metadata.metadata(name)
        classifiers = [text for text in about.get_all("Classifier", ()) if text.startswith("License ::")]
        # Texts of licences go on to name those of files that are not part of the package, and of others altogether.
        said = " ".join([about.get("License-Expression") or about.get("License", "")[:200], *classifiers])
        assert re.search(r"\b(MIT|BSD|Apache|Python Software Foundation|PSF)\b", said), f"{name}: {said}"
        assert not re.search(r"\bA?GPL|\bLGPL|General Public", said), f"{name}: {said}"
    assert {"thinc", "numpy", "blis", "srsly"} <= seen


def test_sources_stubs_and_interfaces_are_shipped(files):
    shipped = {path for path in files if path.suffix in SHIPPED and INCLUDE not in path.parents}
    assert shipped == source_files()
    assert PurePosixPath("thinc/py.typed") in shipped
    assert {".pyi", ".pyx", ".pxd"} <= {path.suffix for path in shipped}


def test_every_extension_is_built(files):
    compiled = {path.parent / path.name.split(".")[0] for path in files if path.suffix in (".so", ".pyd")}
    assert compiled == {path.with_suffix("") for path in source_files() if path.suffix == ".pyx"}


def test_headers_of_public_interfaces_are_shipped(files):
    """A public .pxd may be compiled against: what it includes must be in the folder of get_include()."""
    for path in files:
        if path.suffix != ".pxd" or path.name.startswith("_"):
            continue
        text = Path(str(metadata.distribution("thinc").locate_file(path))).read_text(encoding="utf8")
        for header in re.findall(r'extern from "([^"]+)"', text):
            assert INCLUDE / header in files, f"{path} includes {header}"


def test_folder_for_compilers(files):
    """It holds copies: of all C++ kernels, and of every .pxd that is not private."""
    assert Path(thinc.get_include()) == Path(str(metadata.distribution("thinc").locate_file(INCLUDE)))
    headers = (SOURCE.parent / "include").rglob("*.hh")
    expected = {path.relative_to(SOURCE.parent / "include").as_posix(): path for path in headers}
    for path in source_files():
        if path.suffix in (".hh", ".pxd") and (path.name == "__init__.pxd" or not path.name.startswith("_")):
            expected[str(path)] = SOURCE.parent / path
    shipped = {path for path in files if INCLUDE in path.parents}
    assert shipped == {INCLUDE / name for name in expected}
    for name, source in expected.items():
        assert Path(thinc.get_include(), name).read_bytes() == source.read_bytes()


def test_nothing_else_is_shipped(files):
    tops = {path.parts[0] for path in files}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"thinc"}
    package = {path for path in files if path.parts[0] == "thinc"}
    strange = {path for path in package if path.suffix not in SHIPPED | {".so", ".pyd", ".hh"}}
    assert strange == set(), "neither generated C++ nor kernels' sources belong into the wheel"
    assert not {path for path in package if "tests" in path.parts or path.name.startswith("test_")}
