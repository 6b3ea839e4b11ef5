"""What every test relies on."""

import os
from pathlib import Path

import pytest

import thinc


def pytest_configure(config: pytest.Config) -> None:
    """`make test` must test what a user installs, not the folder it is run in."""
    source = Path(__file__).parent.parent / "thinc"
    if os.environ.get("THINC_TEST_INSTALLED") and Path(thinc.__file__).parent == source:
        raise pytest.UsageError(f"thinc was imported from {source}: expected the installed wheel")
