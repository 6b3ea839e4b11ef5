"""`thinc.info()` and `python -m thinc info` say what runs here; THINC_ISA chooses the kernels."""

import json
import platform

import numpy
import pytest

import thinc
from helpers.process import run_python
from thinc.kernels import _dispatch

FRAMEWORKS = {"torch", "jax", "tensorflow", "cupy", "ray", "mxnet"}


@pytest.fixture
def fake_torch(tmp_path):
    """A folder with a package `torch` that cannot be imported."""
    (tmp_path / "path" / "torch").mkdir(parents=True)
    (tmp_path / "path" / "torch" / "__init__.py").write_text("raise RuntimeError('torch was imported')\n")
    return tmp_path / "path"


def table(output):
    """Names and values of the lines that were printed: two or more spaces apart."""
    lines = [line.split("  ", 1) for line in output.splitlines()]
    assert all(len(line) == 2 for line in lines), output
    return {name: value.strip() for name, value in lines}


def test_info_is_printed_and_returned(capsys):
    found = thinc.info()
    printed = table(capsys.readouterr().out)
    assert printed.keys() == found.keys()
    assert printed["thinc"] == found["thinc"] == thinc.__version__
    assert printed["numpy"] == found["numpy"] == numpy.__version__
    assert found["python"] == platform.python_version()
    assert found["threads"] == 1
    assert set(found["frameworks"]) <= FRAMEWORKS
    json.dumps(found)  # plain values, fit for a bug report


def test_info_names_the_kernels_in_use():
    assert thinc.info()["kernels available"] == _dispatch.available_isas()
    for isa in _dispatch.available_isas():
        with _dispatch.use_isa(isa):
            found = thinc.info()
        assert found["kernels"] == isa
        assert found["matrix products"]["kernels"] == isa


def test_info_names_the_cpu_features():
    features = set(thinc.info()["cpu features"])
    assert features <= _dispatch.features().keys()
    needs = {"baseline": set(), "neon": {"neon"}, "avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512vl"}}
    for isa in _dispatch.available_isas():
        assert needs[isa] <= features


def test_info_names_the_blis_context():
    blis = thinc.info()["matrix products"]["blis"]
    assert blis["available"] == (not blis["reason"])
    assert bool(blis["context"]) == blis["available"]


def test_nested_values_are_printed_for_people(capsys):
    found = thinc.info()
    line = table(capsys.readouterr().out)["matrix products"]
    assert line.startswith(f"(kernels {found['kernels']}, blis (available ")
    assert not set("{}[]") & set(line)


def test_command(tmp_path):
    printed = table(run_python("-W", "error", "-m", "thinc", "info", cwd=tmp_path, THINC_ISA=None).stdout)
    assert printed["thinc"] == thinc.__version__
    assert printed["kernels"] == _dispatch.available_isas()[-1]
    assert printed["kernels available"].split() == _dispatch.available_isas()


@pytest.mark.parametrize("arguments", [[], ["help"], ["info", "more"]])
def test_command_that_does_not_exist(tmp_path, arguments):
    done = run_python("-m", "thinc", *arguments, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m thinc info")
    assert done.stdout == ""


@pytest.mark.parametrize("isa", _dispatch.available_isas())
def test_isa_override(tmp_path, isa):
    printed = table(run_python("-m", "thinc", "info", cwd=tmp_path, THINC_ISA=isa).stdout)
    assert printed["kernels"] == isa
    code = "import numpy; from thinc.api import NumpyOps; print(NumpyOps().relu(numpy.full((1, 7), -1.0, 'f')).sum())"
    assert float(run_python("-c", code, cwd=tmp_path, THINC_ISA=isa).stdout) == 0


def test_empty_isa_override_is_none(tmp_path):
    printed = table(run_python("-m", "thinc", "info", cwd=tmp_path, THINC_ISA="").stdout)
    assert printed["kernels"] == _dispatch.available_isas()[-1]


@pytest.mark.parametrize("isa", ["sse9", "AVX2 ", "nan"])
def test_unknown_isa_override(tmp_path, isa):
    done = run_python("-c", "import thinc.api", cwd=tmp_path, check=False, THINC_ISA=isa)
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1]
    assert error.startswith("ValueError: ")
    assert repr(isa) in error
    assert str(_dispatch.available_isas()) in error


def test_frameworks_are_found_without_import(tmp_path, fake_torch):
    code = (
        "import sys, json, thinc, thinc.api\n"
        "found = thinc.info()\n"
        f"loaded = set({sorted(FRAMEWORKS)}) & set(sys.modules)\n"
        "print(json.dumps([found['frameworks'], sorted(loaded)]))"
    )
    done = run_python("-c", code, cwd=tmp_path, PYTHONPATH=str(fake_torch))
    listed, loaded = json.loads(done.stdout.splitlines()[-1])
    assert "torch" in listed
    assert loaded == []


def test_no_framework_no_listing(tmp_path):
    code = "import sys; sys.modules['torch'] = None; import thinc; print(thinc.info()['frameworks'])"
    done = run_python("-c", code, cwd=tmp_path)
    assert "torch" not in done.stdout.splitlines()[-1]
