"""No call of an operation, however wrong, ends the interpreter, writes outside of arrays or changes its arguments."""

from pathlib import Path

import pytest

import helpers.hostile
from helpers.process import run_python

PROGRAM = Path(helpers.hostile.__file__)


@pytest.mark.parametrize("seed", [0, 1_000_000, 2_000_000])
def test_hostile_calls(tmp_path, seed):
    done = run_python(PROGRAM, seed, 3000, cwd=tmp_path, check=False, PYTHONPATH=str(PROGRAM.parent.parent))
    log = tmp_path / "hostile.log"
    last = log.read_text(encoding="utf8") if log.exists() else "nothing"
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\nlast call: {last[:1000]}"
    assert " 0 failures" in done.stdout


def test_the_program_notices(tmp_path):
    """The program itself: what changes its arguments, or writes outside of them, is found."""
    code = """
import numpy
from helpers import hostile

class Bad(hostile.NumpyOps):
    def mish(self, X, threshold=20.0, inplace=False):
        X[...] = 1
        return X

    def sechsq(self, X):
        raise KeyError(1)

hostile.NumpyOps = Bad
for method in ("mish", "sechsq"):
    found = 0
    with open("log", "w+") as log:
        for seed in range(200):
            try:
                hostile.run(seed, method, log)
            except AssertionError:
                found += 1
    assert found > 10, (method, found)
maker = hostile.Maker(0)
inside = maker.guard(numpy.zeros(4))
numpy.lib.stride_tricks.as_strided(inside, (5,))[4] = 1
try:
    maker.check_margins()
except AssertionError:
    print("noticed")
"""
    done = run_python("-W", "ignore", "-c", code, cwd=tmp_path, PYTHONPATH=str(PROGRAM.parent.parent))
    assert done.stdout == "noticed\n"
