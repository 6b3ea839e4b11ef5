"""Build `tests/cython_client`, a package that compiles against ours, once for all processes of a test run."""

import fcntl
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

from helpers.process import run_python

SOURCE = Path(__file__).parent.parent / "cython_client"
PIP_INSTALL = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]


@contextmanager
def locked(path: Path):
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build_client(folder: Path) -> Path:
    """The folder in which it is installed, below `folder`, which the processes share."""
    site = folder / "client_site"
    with locked(folder / "client.lock"):
        if not site.exists():
            source, unfinished = folder / "client_source", folder / "client_unfinished"
            shutil.copytree(SOURCE, source, dirs_exist_ok=True)
            shutil.rmtree(unfinished, ignore_errors=True)
            run_python(*PIP_INSTALL, "--no-build-isolation", "--target", unfinished, source)
            unfinished.rename(site)
    return site


def import_from(site: Path) -> None:
    if str(site) not in sys.path:
        sys.path.append(str(site))
