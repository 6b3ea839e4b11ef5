"""What is checked of a wheel before it is published, and what is shown to the dynamic linker."""

import importlib.util
import platform
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from thinc.extra import search
from thinc.kernels import _dispatch, _gemm, _threads

FILE = Path(__file__).parent.parent / "build_tools" / "wheels" / "check.py"
DISPATCH = "thinc/kernels/_dispatch.cpython-311-x86_64-linux-gnu.so"


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("check_wheels", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("tag", "contents", "problems"),
    [
        ("manylinux2014_x86_64", {DISPATCH: b"baseline\0avx2\0avx512\0"}, []),
        ("manylinux2014_x86_64", {DISPATCH: b"baseline\0avx512\0"}, ["no kernels for avx2"]),
        ("manylinux2014_aarch64", {DISPATCH: b"baseline\0avx2\0avx512\0"}, ["no kernels for neon"]),
        ("macosx_11_0_arm64", {"thinc/kernels/_dispatch.cpython-311-darwin.so": b"neon\0"}, []),
        ("linux_x86_64", {DISPATCH: b"baseline\0avx2\0avx512\0"}, ["auditwheel has not repaired it"]),
        ("win_amd64", {}, ["0 modules called thinc.kernels._dispatch"]),
        (
            "manylinux2014_x86_64",
            {DISPATCH: b"baseline\0avx2\0avx512\0", "thinc.libs/libgomp.so": b""},
            ["shared libraries were added"],
        ),
        (
            "manylinux2014_x86_64",
            {DISPATCH: b"baseline\0avx2\0avx512\0", "thinc/large.txt": bytes(6 * 1024 * 1024)},
            ["expected at most 6291456"],
        ),
    ],
)
def test_problems_are_found(check, tmp_path, capsys, tag, contents, problems):
    path = tmp_path / f"thinc-8.3.100-cp311-cp311-{tag}.whl"
    with ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    found = list(check.check_wheel(path))
    assert all(any(problem in text for text in found) for problem in problems), found
    assert bool(found) == bool(problems), found
    assert check.main([str(path)]) == bool(problems)
    assert path.name in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="the format of Linux")
@pytest.mark.parametrize("module", [_dispatch, _gemm, _threads, search], ids=lambda module: module.__name__)
def test_nothing_but_the_entry_point_is_exported(check, module):
    """Two modules that both export a C++ symbol could end up with that of the other."""
    pytest.importorskip("elftools")
    name = module.__file__
    found = list(check.check_elf(name, Path(name).read_bytes(), platform.machine()))
    assert not [text for text in found if text.startswith(("exports", "built for"))], found
    strange = list(check.check_elf("other.so", Path(name).read_bytes(), "x86_64"))
    assert any("expected PyInit_other alone" in text for text in strange)
