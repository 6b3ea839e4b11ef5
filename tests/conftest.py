"""What every test relies on."""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import thinc
from helpers.client import build_client, import_from


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
