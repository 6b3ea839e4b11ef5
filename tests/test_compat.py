"""Optional frameworks are looked up late, and their absence is no error."""

import sys
import types as builtin_types

import pytest
from packaging.version import Version

from helpers.process import run_python
from thinc import compat, util

FRAMEWORKS = {
    "torch",
    "tensorflow",
    "jax",
    "cupy",
    "mxnet",
    "h5py",
    "pydantic",
    "catalogue",
    "confection",
    "srsly",
}


def run(code):
    return run_python("-c", code).stdout.strip()


def test_importing_compat_imports_no_framework():
    code = f"import sys, thinc.compat; print(sorted({FRAMEWORKS!r} & set(sys.modules)))"
    assert run(code) == "[]"


def test_importing_thinc_does_not_import_util():
    assert run("import sys, thinc, thinc.compat; print('thinc.util' in sys.modules)") == "False"


def test_asking_whether_a_framework_is_installed_does_not_import_it():
    code = (
        "import sys, thinc.compat as c; c.has_torch, c.has_cupy, c.has_tensorflow; "
        f"print(sorted({FRAMEWORKS!r} & set(sys.modules)))"
    )
    assert run(code) == "[]"


@pytest.fixture
def fresh(monkeypatch):
    """A copy of the module that has looked nothing up."""
    for name in compat._LOOKUPS:
        monkeypatch.delitem(vars(compat), name, raising=False)
    return compat


def test_names(fresh):
    for name in compat.__all__:
        getattr(compat, name)
    for name in compat._LOOKUPS:
        value = getattr(compat, name)
        assert name in dir(compat)
        if name.startswith("has_"):
            assert isinstance(value, bool)
    assert isinstance(compat.torch_version, Version) and isinstance(compat.cupy_version, Version)
    with pytest.raises(AttributeError, match="no attribute 'numpy_gpu'"):
        getattr(compat, "numpy_gpu")  # noqa: B009 -- to raise is the point


@pytest.mark.parametrize("name", ["torch", "cupy", "jax"])
def test_missing_framework(fresh, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    assert getattr(fresh, f"has_{name}") is False
    assert getattr(fresh, name) is None
    if name != "jax":
        assert getattr(fresh, f"{name}_version") == Version("0.0.0")
    assert fresh.has_gpu is False and fresh.has_torch_amp is False and fresh.has_torch_mps_gpu is False


def test_installed_but_broken_framework(fresh, monkeypatch, tmp_path):
    (tmp_path / "cupy.py").write_text("raise ImportError('no driver')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    assert fresh.has_cupy is True  # not tried yet
    assert fresh.cupy is None
    assert fresh.has_cupy is False and fresh.has_cupy_gpu is False and fresh.cupyx is None


def test_cupy_devices(fresh, monkeypatch):
    class CUDARuntimeError(RuntimeError):
        pass

    def get_device_count():
        raise CUDARuntimeError

    cupy = builtin_types.ModuleType("cupy")
    runtime = builtin_types.SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError, getDeviceCount=get_device_count
    )
    cupy.cuda = builtin_types.SimpleNamespace(runtime=runtime)
    cupy.fromDlpack = len
    cupy.__version__ = "9.1.0"
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert fresh.has_cupy and not fresh.has_cupy_gpu and not fresh.has_gpu
    assert fresh.cupy_from_dlpack is len and fresh.cupy_version == Version("9.1.0")
    monkeypatch.delitem(vars(compat), "has_cupy_gpu")
    runtime.getDeviceCount = lambda: 1
    assert fresh.has_cupy_gpu


def test_edge_model_30_enabling_shows_in_util(monkeypatch):
    for name in ("tensorflow", "has_tensorflow", "has_tensorflow_gpu"):
        monkeypatch.setattr(compat, name, getattr(compat, name))
    monkeypatch.setattr(compat, "has_tensorflow", False)
    assert util.has_tensorflow is False
    tensorflow = builtin_types.ModuleType("tensorflow")
    tensorflow.config = builtin_types.SimpleNamespace(
        experimental=builtin_types.SimpleNamespace(list_physical_devices=lambda kind: [kind])
    )
    for name in ("tensorflow", "tensorflow.experimental", "tensorflow.experimental.dlpack"):
        monkeypatch.setitem(sys.modules, name, tensorflow)
    with pytest.warns(DeprecationWarning, match="TensorFlow"):
        compat.enable_tensorflow()
    assert util.has_tensorflow is True and util.tf is tensorflow and util.has_tensorflow_gpu is True


def test_enabling_what_is_missing(monkeypatch):
    monkeypatch.setattr(compat, "has_tensorflow", False)  # another test may have enabled it
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.warns(DeprecationWarning), pytest.raises(ImportError):
        compat.enable_tensorflow()
    assert compat.has_tensorflow is False


def test_mxnet_is_retired():
    with (
        pytest.warns(DeprecationWarning, match="MXNet"),
        pytest.raises(ImportError, match=r"retired.*PyTorch"),
    ):
        compat.enable_mxnet()
    assert util.has_mxnet is False and util.mx is None
