"""Virtual environments for the peers, and the library that measures the machine's limits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = {
    "published": ["numpy>=2", "thinc==8.3.14"],
    "torch": ["numpy>=2", "torch==2.13.0"],
    "jax": ["numpy>=2", "jax", "jaxlib", "optax"],
    "tensorflow": ["tensorflow-cpu"],  # only looked at, when imports are measured
    "spacy": ["spacy==3.8.18", "thinc==8.3.14"],  # the published thinc; ours is laid over it
}
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "BLIS_NUM_THREADS": "1",
    "THINC_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
}


def interpreter(folder: Path, name: str) -> Path:
    """Path of an environment's interpreter."""
    scripts = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return folder.joinpath(name, *scripts)


def prepare_folder(folder: Path) -> None:
    """Make the folder of the environments, which git ignores."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")


def ensure(folder: Path, name: str) -> Path | None:
    """Make the environment unless it is there; ``None``, with a message, if that fails."""
    marker, python = folder / name / "installed.json", interpreter(folder, name)
    wanted = REQUIREMENTS[name]
    if marker.exists() and json.loads(marker.read_text()) == wanted:
        return python
    print(f"Making the environment {folder / name}: {' '.join(wanted)}", file=sys.stderr, flush=True)
    log = folder / f"{name}.log"
    prepare_folder(folder)
    with log.open("w") as out:
        for command in (
            [sys.executable, "-m", "venv", str(folder / name)],
            [str(python), "-m", "pip", "install", "--quiet", *wanted],
        ):
            if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode:
                print(
                    f"Cannot install {' '.join(wanted)}: {' '.join(command)} failed, see {log}. Check the "
                    f"network and the package index, or leave {name} out with --peers. Going on without it.",
                    file=sys.stderr,
                )
                return None
    marker.write_text(json.dumps(wanted))
    return python


def overlay(folder: Path, thinc: Path) -> Path:
    """A folder for PYTHONPATH that has nothing but our package: the rest comes from the environment."""
    place = folder / "ours" / "thinc"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(thinc, target_is_directory=True)
    return place.parent


def build_limits(folder: Path, source: Path) -> Path | None:
    """Compile the limits for this machine; ``None``, with a message, if that fails."""
    library = folder / "limits.so"
    if library.exists() and library.stat().st_mtime > source.stat().st_mtime:
        return library
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        print("No C++ compiler (g++, clang++ or $CXX): the machine's limits are left out.", file=sys.stderr)
        return None
    prepare_folder(folder)
    command = [*compiler.split(), "-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{' '.join(command)} failed, the limits are left out:\n{done.stderr}", file=sys.stderr)
        return None
    return library
