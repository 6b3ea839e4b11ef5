"""A quick selection of tests of the installed wheel, `python check_installed.py FOLDER` with that of the repository."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

# One of each kind: the package, the C interface, every kernel on every instruction set, layers, training, saved models.
SELECTION = [
    "tests/test_packaging.py",
    "tests/test_c_interface.py",
    "tests/test_info.py",
    "tests/test_optimizers.py",
    "tests/test_checkpoint.py",
    "tests/backends/test_cpu_matrix.py",
    "tests/backends/test_cpu_sequences.py",
    "tests/backends/test_linalg.py",
    "tests/backends/test_cblas.py",
    "tests/extra",
    "tests/kernels/test_math.py",
    "tests/kernels/test_softmax.py",
    "tests/kernels/test_threads.py",
    "tests/layers/test_layer_table.py",
    "tests/layers/test_lstm.py",
    "tests/model/test_model_serialization.py",
    "tests/model/test_published_models.py",
]


def main(folder: str) -> int:
    # As a program: `python -m pytest` would put the source tree before what is installed.
    pytest = shutil.which("pytest", path=sysconfig.get_path("scripts"))
    if pytest is None:
        raise FileNotFoundError("pytest is not installed in the environment that is tested")
    command = [pytest, "-q", "-p", "no:cacheprovider", *SELECTION]
    return subprocess.run(
        command, cwd=Path(folder), env={**os.environ, "THINC_TEST_INSTALLED": "1"}
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).parents[2])))
