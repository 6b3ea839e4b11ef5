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

NATIVE = f"manylinux2014_{platform.machine()}"
TEST_REQUIREMENTS = ["pytest>=8", "hypothesis", "pydantic>=2"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m build_tools.wheels", description=__doc__)
    add = parser.add_argument
    add("--python", nargs="+", default=list(OLDEST_NUMPY), choices=OLDEST_NUMPY, help="default: all")
    add(
        "--target",
        nargs="+",
        default=[NATIVE],
        choices=TARGETS,
        help=f"default: {NATIVE}, which is tested too",
    )
    add("--no-test", action="store_true", help="build and check only")
    arguments = parser.parse_args()
    if platform.system() != "Linux":
        parser.error("wheels for Linux are built on Linux, those for other systems by cibuildwheel on these")
    pythons = {version: find_interpreter(version) for version in arguments.python}
    if missing := [version for version, python in pythons.items() if not python]:
        parser.error(
            f"no interpreter for Python {', '.join(missing)}, neither on the path nor in pyenv: --python"
        )

    work, wheelhouse = ROOT / "build" / "wheels", ROOT / "wheelhouse"
    for folder in (work / "raw", work / "source", wheelhouse):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    archive = build_sdist(wheelhouse)
    wheels = []
    for tag in arguments.target:
        source = unpack(archive, work / "source" / tag)
        for version, python in pythons.items():
            start = time.monotonic()
            raw = build_wheel(source, python, version, TARGETS[tag], work)
            wheel = repair(raw, TARGETS[tag], wheelhouse)
            print(f"{wheel.name}: built in {time.monotonic() - start:.0f} s", flush=True)
            wheels.append(wheel)
            if tag == NATIVE and not arguments.no_test:
                for numpy in (f"numpy=={OLDEST_NUMPY[version]}", "numpy"):
                    print(f"{wheel.name}: tests with {numpy}", flush=True)
                    test(wheel, python, numpy, source, work / "test")
    run(sys.executable, "-m", "twine", "check", "--strict", archive, *wheels)
    return check.main([str(wheel) for wheel in wheels])


def test(wheel: Path, python: Path, numpy: str, source: Path, folder: Path) -> None:
    """Install the wheel in a fresh environment as a user would, and run tests on it."""
    shutil.rmtree(folder, ignore_errors=True)
    run(python, "-m", "venv", folder)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--only-binary", "numpy,blis"]
    run(*install, wheel, numpy, *TEST_REQUIREMENTS)
    run(python, source / "build_tools" / "wheels" / "check_installed.py", source)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}: no wheel is ready until this works")
