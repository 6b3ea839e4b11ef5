"""The examples of other frameworks run as programs, where these are installed."""

from pathlib import Path

import pytest

from helpers.process import run_python

FOLDER = Path(__file__).parent.parent / "examples" / "frameworks"
NEEDS = {
    "pytorch_module": ["torch"],
    "jax_function": ["jax"],
    "flax_module": ["jax", "flax"],
    "equinox_module": ["jax", "equinox"],
    "keras_model": ["tensorflow"],
}


@pytest.mark.parametrize("name", NEEDS)
def test_example(name, tmp_path):
    for library in NEEDS[name]:
        pytest.importorskip(library, reason=f"the example needs: pip install {library}")
    *_, last, loaded = run_python(FOLDER / f"{name}.py", cwd=tmp_path).stdout.splitlines()
    assert last.startswith("epoch 30  dev ")
    assert float(last.split()[-1].rstrip("%")) > 95
    assert loaded == "Loaded it again: the same predictions"
