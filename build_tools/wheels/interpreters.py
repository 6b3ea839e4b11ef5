"""The Python interpreters of this machine, and the oldest NumPy that each of them can have."""

import os
import shutil
import subprocess
from pathlib import Path

# The first release of NumPy 2 that has wheels for this Python. "requires-python" has the same list.
OLDEST_NUMPY = {"3.10": "2.0.0", "3.11": "2.0.0", "3.12": "2.0.0", "3.13": "2.1.0"}


def find_interpreter(version: str) -> Path | None:
    """An interpreter of this version ("3.13"): one on the path, or else one that pyenv has installed."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    installed = sorted(pyenv.glob(f"{version}.*/bin/python"))
    for candidate in [shutil.which(f"python{version}"), *reversed(installed)]:
        if candidate and _is_version(Path(candidate), version):
            return Path(candidate)
    return None


def _is_version(python: Path, version: str) -> bool:
    """Whether it runs at all: pyenv's shims are there for versions that are not activated."""
    command = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    answer = subprocess.run(command, capture_output=True, text=True)
    return answer.returncode == 0 and answer.stdout.strip() == version
