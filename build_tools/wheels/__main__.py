"""Make wheels for this machine's interpreters: `python -m build_tools.wheels`, or `make wheels`."""

import argparse
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import check
from .build import ROOT, build_sdist, build_wheel, repair, run, unpack
from .interpreters import OLDEST_NUMPY, find_interpreter
from .toolchain import TARGETS

REQUIREMENTS = ["pytest>=8", "hypothesis", "pydantic>=2"]  # of the selected tests


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--python", nargs="+", default=list(OLDEST_NUMPY), metavar="VERSION", help="default: all"
    )
    parser.add_argument(
        "--target", nargs="+", choices=TARGETS, default=[f"manylinux2014_{platform.machine()}"]
    )
    parser.add_argument("--no-test", action="store_true", help="build and check only")
    arguments = parser.parse_args()

    interpreters = {version: find_interpreter(version) for version in arguments.python}
    missing = [version for version, python in interpreters.items() if python is None]
    if missing:
        parser.error(f"no interpreter for Python {', '.join(missing)}: neither on the path nor in pyenv")

    work, distributions = ROOT / "build" / "wheels", ROOT / "wheelhouse"
    for folder in (work / "raw", work / "source", distributions):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    archive = build_sdist(distributions)
    source = unpack(archive, work / "source")

    made = []
    for name in arguments.target:
        for version, python in interpreters.items():
            start = time.monotonic()
            wheel = repair(
                build_wheel(source, python, version, TARGETS[name], work), TARGETS[name], distributions
            )
            made.append(wheel)
            print(f"{wheel.name}: built in {time.monotonic() - start:.0f} s", flush=True)
            can_run = name == f"manylinux2014_{platform.machine()}"
            if can_run and not arguments.no_test:
                for numpy in (f"numpy=={OLDEST_NUMPY[version]}", "numpy"):
                    test(wheel, python, numpy, source, work / "test")
    run(sys.executable, "-m", "twine", "check", "--strict", archive, *made)
    return check.main([str(wheel) for wheel in made])


def test(wheel: Path, python: Path, numpy: str, source: Path, folder: Path) -> None:
    """Install the wheel in a fresh environment as a user would, and run tests on it."""
    shutil.rmtree(folder, ignore_errors=True)
    run(python, "-m", "venv", folder)
    installed = folder / "bin" / "python"
    run(
        installed,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--only-binary",
        "numpy,blis",
        wheel,
        numpy,
        *REQUIREMENTS,
    )
    print(f"{wheel.name} with {numpy}:", flush=True)
    run(installed, source / "build_tools" / "wheels" / "check_installed.py", source)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}: no wheel is ready until this works")
