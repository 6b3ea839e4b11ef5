"""What every test relies on."""

import os
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import thinc
from helpers.client import build_client, import_from
from helpers.cuda_on_cpu import Kernels
from thinc.backends import _custom_kernels


def pytest_configure(config: pytest.Config) -> None:
    """`make test` must test what a user installs, not the folder it is run in."""
    source = Path(__file__).parent.parent / "thinc"
    if os.environ.get("THINC_TEST_INSTALLED") and Path(thinc.__file__).parent == source:
        raise pytest.UsageError(f"thinc was imported from {source}: expected the installed wheel")


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModuleType]:
    """Imports modules of `tests/cython_client`, which is built once for all workers of pytest-xdist."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    import_from(build_client(folder))
    return lambda name: import_module(f"thinc_client.{name}")


@pytest.fixture(scope="session")
def compiled_kernels(tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    return Kernels(tmp_path_factory.mktemp("kernels"), compiler)


@pytest.fixture
def cuda_kernels(compiled_kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> Kernels:
    """The CUDA kernels, compiled for the CPU; `launched` names those that have run."""
    monkeypatch.setattr(_custom_kernels, "KERNELS", compiled_kernels)
    compiled_kernels.launched.clear()
    return compiled_kernels
