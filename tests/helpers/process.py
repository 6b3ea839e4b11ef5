"""Run a Python program with the thinc that is under test."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import thinc


def start_python(*arguments, **environment):
    """Start the interpreter anywhere but in the source tree, with pipes for its output; see `run_python`."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=tempfile.gettempdir(),
        env=variables_of(environment),
        stdout=subprocess.PIPE,
        text=True,
    )


def variables_of(environment):
    path = [str(Path(thinc.__file__).parent.parent), environment.pop("PYTHONPATH", None)]
    changes = {**environment, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    return {key: value for key, value in {**os.environ, **changes}.items() if value is not None}


def run_python(*arguments, cwd=None, check=True, timeout=300, **environment):
    """Run the interpreter in `cwd`, or anywhere but in the source tree, which need not be built.

    `environment` replaces variables; None removes one. With `check` a failure is an AssertionError that shows the
    output.
    """
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd or tempfile.gettempdir(),
        env=variables_of(environment),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done
