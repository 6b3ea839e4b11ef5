"""Which backend is in use: contexts, threads, devices."""

import contextvars
import sys
import threading
import types

import numpy
import pytest

import thinc.backends as backends
from helpers.process import run_python
from thinc import compat
from thinc.backends import (
    CupyOps,
    MPSOps,
    NumpyOps,
    Ops,
    _context,
    context_ops,
    contextvars_eq_thread_ops,
    get_array_ops,
    get_current_ops,
    get_ops,
    set_current_ops,
    set_gpu_allocator,
    use_ops,
)
from thinc.config import registry


@pytest.fixture(autouse=True)
def restore_ops():
    before = get_current_ops()
    yield
    set_current_ops(before)


def in_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


@pytest.fixture
def registered():
    """Register backends for the length of a test."""
    names = []

    def register(key, cls):
        registry.ops.register(key, func=cls)
        names.append(key)

    yield register
    import catalogue

    for key in names:
        catalogue.REGISTRY.pop(("thinc", "ops", key))


def test_public_names():
    for name in backends.__all__:
        assert hasattr(backends, name)
    assert backends.has_cupy == compat.has_cupy


@pytest.mark.parametrize(
    "name, cls", [("numpy", NumpyOps), ("cupy", CupyOps), ("mps", MPSOps), ("cpu", NumpyOps)]
)
def test_get_ops(name, cls):
    ops = get_ops(name)
    assert type(ops) is cls
    assert get_ops(name) is not ops


def test_get_ops_hands_arguments_on():
    assert get_ops("numpy", use_blis=False).use_blis is False
    with pytest.raises(TypeError):
        get_ops("numpy", unknown=1)
    with pytest.raises(ValueError, match="Invalid backend: 'unknown'"):
        get_ops("unknown")


def test_get_ops_goes_by_class_attribute(registered):
    class Mine(NumpyOps):
        name = "mine"

    registered("SomeKey", Mine)
    assert type(get_ops("mine")) is Mine
    with pytest.raises(ValueError, match="Invalid backend"):
        get_ops("SomeKey")


def test_cpu_prefers_bigendian_then_apple(registered):
    class Apple(NumpyOps):
        name = "apple"

    class BigEndian(NumpyOps):
        name = "bigendian"

    registered("AppleOps", Apple)
    assert type(get_ops("cpu")) is Apple
    registered("BigEndianOps", BigEndian)
    assert type(get_ops("cpu")) is BigEndian
    assert type(get_ops("numpy")) is NumpyOps


def test_cpu_imports_the_packages_that_register_backends(tmp_path, monkeypatch):
    (tmp_path / "thinc_bigendian_ops.py").write_text("")
    (tmp_path / "thinc_apple_ops.py").write_text("raise ImportError('not here')")
    monkeypatch.syspath_prepend(str(tmp_path))
    get_ops("cpu")
    assert sys.modules.pop("thinc_bigendian_ops").__file__.startswith(str(tmp_path))


def test_get_array_ops():
    assert type(get_array_ops(numpy.zeros(1))) is NumpyOps
    assert type(get_array_ops("anything")) is NumpyOps


def test_cupy_ops_without_cupy():
    assert CupyOps().device_type == "gpu"
    if not compat.has_cupy:
        assert CupyOps.xp is None
        assert CupyOps().xp is None


def test_set_current_ops_takes_any_ops():
    ops = Ops(numpy)
    set_current_ops(ops)
    assert get_current_ops() is ops
    assert contextvars_eq_thread_ops()


def test_use_ops_restores_the_object():
    before = get_current_ops()
    with use_ops("numpy", use_blis=False) as nothing:
        assert nothing is None
        assert get_current_ops().use_blis is False
        with use_ops("mps"):
            assert get_current_ops().name == "mps"
    assert get_current_ops() is before
    with pytest.raises(RuntimeError), use_ops("mps"):
        raise RuntimeError
    assert get_current_ops() is before
    with pytest.raises(ValueError, match="Invalid backend"), use_ops("unknown"):
        pass
    assert get_current_ops() is before


def test_a_new_thread_starts_on_the_cpu():
    set_current_ops(MPSOps())
    assert type(in_thread(get_current_ops)) is NumpyOps
    assert in_thread(contextvars_eq_thread_ops) is True  # both unset
    assert in_thread(context_ops.get) is None
    assert type(get_current_ops()) is MPSOps


def test_copied_contexts_inherit():
    set_current_ops(MPSOps())
    context = contextvars.copy_context()
    assert type(in_thread(lambda: context.run(get_current_ops))) is MPSOps


def test_contexts_and_threads_can_differ():
    set_current_ops(NumpyOps())
    assert contextvars_eq_thread_ops()
    contextvars.copy_context().run(set_current_ops, MPSOps())
    assert type(get_current_ops()) is NumpyOps
    assert not contextvars_eq_thread_ops()


def test_require_cpu():
    set_current_ops(MPSOps())
    assert _context.require_cpu() is True
    assert type(get_current_ops()) is NumpyOps


class Machine:
    """A pretended machine: what is installed, which devices there are."""

    def __init__(self, monkeypatch, platform="linux", **flags):
        monkeypatch.setattr(_context.sys, "platform", platform)
        self.calls = calls = []

        class Device:
            def __init__(self, gpu_id):
                self.id = gpu_id

            def use(self):
                calls.append(("cupy", self.id))

        class MemoryPool:
            def __init__(self, allocator):
                self.allocator = allocator
                calls.append("pool")

            def malloc(self, size):
                return None

        def set_device(gpu_id):
            calls.append(("torch", gpu_id))

        cuda = types.SimpleNamespace(
            device=types.SimpleNamespace(Device=Device),
            MemoryPool=MemoryPool,
            set_allocator=lambda malloc: calls.append(malloc.__self__),
        )
        device = types.SimpleNamespace
        torch = types.SimpleNamespace(
            cuda=types.SimpleNamespace(set_device=set_device, current_device=lambda: 3),
            device=lambda name: device(type=name.split(":")[0], name=name),
        )
        settings = {
            "cupy": types.SimpleNamespace(cuda=cuda),
            "torch": torch,
            "has_cupy": False,
            "has_cupy_gpu": False,
            "has_torch_mps": False,
            "has_torch_mps_gpu": False,
            "has_torch_cuda_gpu": False,
            **flags,
        }
        settings["has_gpu"] = settings["has_cupy_gpu"] or settings["has_torch_mps_gpu"]
        for name, value in settings.items():
            monkeypatch.setitem(vars(compat), name, value)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({}, "Cannot use GPU, CuPy is not installed"),
        ({"has_cupy": True}, "No GPU devices detected"),
        ({"platform": "darwin", "torch": None}, "PyTorch is not installed"),
        ({"platform": "darwin"}, "does not support MPS"),
        ({"platform": "darwin", "has_torch_mps": True}, "No GPU devices detected"),
    ],
)
def test_no_gpu(monkeypatch, settings, message):
    Machine(monkeypatch, **settings)
    before = get_current_ops()
    with pytest.raises(ValueError, match=message):
        _context.require_gpu()
    assert _context.prefer_gpu() is False
    assert get_current_ops() is before
    with pytest.raises(ValueError, match="No CUDA GPU"):
        _context.set_active_gpu(0)


@pytest.mark.parametrize("require", [_context.require_gpu, _context.prefer_gpu])
@pytest.mark.parametrize("torch_too", [False, True])
def test_cuda(monkeypatch, require, torch_too):
    machine = Machine(monkeypatch, has_cupy=True, has_cupy_gpu=True, has_torch_cuda_gpu=torch_too)
    assert require(2) is True
    assert type(get_current_ops()) is CupyOps
    assert machine.calls == [("cupy", 2)] + [("torch", 2)] * torch_too
    assert _context.set_active_gpu(1).id == 1
    assert _context.gpu_is_available() is True


def test_mps(monkeypatch):
    Machine(monkeypatch, platform="darwin", has_torch_mps=True, has_torch_mps_gpu=True)
    assert _context.require_gpu() is True
    assert type(get_current_ops()) is MPSOps


@pytest.mark.parametrize("ops, name", [(NumpyOps, "cpu"), (MPSOps, "mps"), (CupyOps, "cuda:3")])
def test_torch_default_device(monkeypatch, ops, name):
    Machine(monkeypatch)
    set_current_ops(ops())
    assert _context.get_torch_default_device().name == name
    monkeypatch.setitem(vars(compat), "torch", None)
    with pytest.raises(ValueError, match="PyTorch"):
        _context.get_torch_default_device()


def test_gpu_allocators(monkeypatch):
    machine = Machine(monkeypatch, has_cupy_gpu=True)
    with pytest.raises(ValueError, match="gpu_allocator"):
        set_gpu_allocator("unknown")
    with pytest.raises(ImportError, match="enable_tensorflow"):
        set_gpu_allocator("tensorflow")
    set_current_ops(NumpyOps())
    set_gpu_allocator("pytorch")  # PyTorch's default device is the CPU: nothing to do
    assert machine.calls == []

    def on_gpu():
        set_current_ops(CupyOps())
        set_gpu_allocator("pytorch")
        set_gpu_allocator("pytorch")
        return backends.context_pools.get()

    pools = contextvars.copy_context().run(on_gpu)
    pool = pools["pytorch"]
    assert pool.allocator is _context.cupy_pytorch_allocator
    assert machine.calls == ["pool", pool, pool]  # made once, installed each time
    assert "pytorch" not in backends.context_pools.get()
    monkeypatch.setitem(vars(compat), "torch", None)
    with pytest.raises(ImportError):
        set_gpu_allocator("pytorch")


def test_importing_backends_imports_no_framework(tmp_path):
    code = (
        "import sys, thinc.backends, thinc.backends._custom_kernels, thinc.backends._cupy_allocators\n"
        "found = {'torch', 'tensorflow', 'jax', 'cupy', 'pydantic', 'mxnet'} & set(sys.modules)\n"
        "assert not found, found"
    )
    run_python("-c", code, cwd=tmp_path)


@pytest.mark.parametrize("ops", ["numpy", NumpyOps, numpy])
def test_only_a_backend_can_be_the_current_one(ops):
    before = get_current_ops()
    with pytest.raises(TypeError, match=r"expected an Ops object, such as get_ops"):
        set_current_ops(ops)
    assert get_current_ops() is before
