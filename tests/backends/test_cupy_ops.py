"""CupyOps and its CUDA kernels on the CPU: arrays are NumPy's, blocks and threads become loops."""

import ctypes
import re
import shutil
import subprocess

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc import compat
from thinc.backends import CupyOps, Ops, _custom_kernels
from thinc.backends._custom_kernels import KERNELS, KERNELS_LIST, MMH_SOURCE, SOURCE, compile_mmh

PRELUDE = """
struct Dim { int x; };
static thread_local Dim blockIdx, threadIdx;
static const Dim blockDim = {4}, gridDim = {3};
#define __global__ static
#define __device__ static
template <typename F> void launch(F f) {
    for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x)
        for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) f();
}
"""
ENTRIES = """
extern "C" {
void maxout_REAL(REAL* b, int* w, const REAL* X, long long BO, long long P) {
    launch([=] { maxout<REAL>(b, w, X, BO, P); });
}
void reduce_sum_REAL(REAL* s, const REAL* X, const long long* e, long long B, long long O) {
    launch([=] { reduce_sum<REAL>(s, X, e, B, O); });
}
void reduce_max_REAL(REAL* m, int* w, const REAL* X, const long long* e, long long B, long long O) {
    launch([=] { reduce_max<REAL>(m, w, X, e, B, O); });
}
}
"""
MMH_ENTRY = """
extern "C" void run_hash(unsigned* words, const unsigned long long* keys, long long N, unsigned seed) {
    launch([=] { hash_data(words, keys, N, seed); });
}
"""


class Kernels:
    """Stands in for the compiled CuPy module, and checks how it is launched."""

    def __init__(self, library):
        self.library = library
        self.launched = []

    def get_function(self, name):
        assert name in KERNELS_LIST
        return self.kernel(name.replace("<", "_").rstrip(">"))

    def kernel(self, name):
        def launch(grid, block, args):
            assert grid[0] >= 1
            assert block[0] <= 1024
            self.launched.append(name)
            getattr(self.library, name)(*(as_argument(arg) for arg in args))

        return launch


def as_argument(arg):
    if isinstance(arg, numpy.ndarray):
        assert arg.flags.c_contiguous
        return arg.ctypes.data_as(ctypes.c_void_p)
    # CuPy takes the type of a NumPy scalar for that of the parameter; a plain int would be ambiguous.
    return {numpy.int64: ctypes.c_longlong, numpy.uint32: ctypes.c_uint}[type(arg)](int(arg))


class OpsOnCpu(CupyOps):
    xp = numpy


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    folder = tmp_path_factory.mktemp("kernels")
    mmh = MMH_SOURCE.replace('extern "C" __global__', "__global__")
    entries = "".join(ENTRIES.replace("REAL", real) for real in ("float", "double"))
    (folder / "kernels.cpp").write_text(PRELUDE + SOURCE + mmh + entries + MMH_ENTRY)
    target = folder / "kernels.so"
    command = [compiler, "-std=c++11", "-shared", "-fPIC", str(folder / "kernels.cpp"), "-o", str(target)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(target))


@pytest.fixture
def kernels(library, monkeypatch):
    kernels = Kernels(library)
    monkeypatch.setattr(_custom_kernels, "KERNELS", kernels)
    monkeypatch.setitem(vars(_custom_kernels), "MMH", kernels.kernel("run_hash"))
    return kernels


def test_importable_without_gpu():
    if not compat.has_cupy_gpu:
        assert KERNELS is None
        assert compile_mmh() is None
    assert "maxout<float>" in KERNELS_LIST
    for name in KERNELS_LIST:
        assert re.search(rf"void {name.split('<')[0]}\(", SOURCE)
    with pytest.raises(AttributeError):
        _custom_kernels.unknown  # noqa: B018


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 3), (2, 3, 1)])
@pytest.mark.parametrize("dtype, real", [("float32", "float"), ("float64", "double")])
def test_maxout(kernels, shape, dtype, real):
    X = numpy.random.default_rng(0).integers(-2, 2, size=shape).astype(dtype)
    X[0, 0, -1] = numpy.nan
    expected = Ops().maxout(X)
    for x in (X, numpy.asfortranarray(X)):
        for found, right in zip(OpsOnCpu().maxout(x), expected, strict=True):
            assert_array_equal(found, right)
            assert found.dtype == right.dtype
    assert kernels.launched == [f"maxout_{real}"] * 2


@pytest.mark.parametrize("lengths", [[1], [3, 1, 2], [4] * 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_reductions(kernels, lengths, dtype):
    X = numpy.random.default_rng(0).integers(-2, 2, size=(sum(lengths) + 1, 5)).astype(dtype)
    X[0, 0] = numpy.nan
    n = numpy.array(lengths)
    for name in ("reduce_sum", "reduce_mean"):
        found = getattr(OpsOnCpu(), name)(X, n)
        assert found.dtype == dtype
        assert_array_equal(found, getattr(Ops(), name)(X, n))
    for found, right in zip(OpsOnCpu().reduce_max(X, n), Ops().reduce_max(X, n), strict=True):
        assert_array_equal(found, right)
        assert found.dtype == right.dtype
    assert [name.rsplit("_", 1)[0] for name in kernels.launched] == ["reduce_sum", "reduce_sum", "reduce_max"]
    with pytest.raises(ValueError, match="lengths must be"):
        OpsOnCpu().reduce_max(X, numpy.array([0]))


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_hash(kernels, seed):
    keys = numpy.random.default_rng(0).integers(0, 2**64 - 1, size=50, dtype="uint64")
    assert_array_equal(OpsOnCpu().hash(keys, seed), Ops().hash(keys, seed))
    assert kernels.launched == ["run_hash"]
    assert OpsOnCpu().hash(keys[:0], seed).shape == (0, 4)
    with pytest.raises(OverflowError):
        OpsOnCpu().hash(keys, -1)


def test_what_has_no_kernel_goes_to_the_reference(kernels):
    X = numpy.arange(6, dtype="float16").reshape(3, 2)
    n = numpy.array([1, 2])
    assert OpsOnCpu().reduce_sum(X, n).tolist() == [[0, 1], [6, 8]]
    assert OpsOnCpu().reduce_max(X, n)[0].tolist() == [[0, 1], [4, 5]]
    assert OpsOnCpu().maxout(X[None])[1].tolist() == [[1, 1, 1]]
    assert OpsOnCpu().maxout(numpy.zeros((0, 2, 3), dtype="f"))[0].shape == (0, 2)
    assert OpsOnCpu().reduce_max(numpy.zeros((0, 2), dtype="f"), n[:0])[0].shape == (0, 2)
    assert kernels.launched == []


def test_conversions(kernels):
    class OnDevice:
        def get(self):
            return numpy.array([1, 2], dtype="<i4")

    class Tensor:
        def numpy(self):
            return numpy.array([1.5])

    ops = OpsOnCpu()
    X = numpy.zeros(2, dtype="f")
    assert ops.to_numpy(OnDevice()).tolist() == [1, 2]
    assert ops.to_numpy(OnDevice(), byte_order=">").dtype.str == ">i4"
    assert ops.to_numpy(X) is X
    assert ops.asarray(X) is X
    assert ops.asarray(X, "float64").dtype == "float64"
    assert ops.asarray(Tensor(), dtype="float32").tolist() == [1.5]
    assert ops.asarray([1, 2**64 - 1], dtype="uint64").tolist() == [1, 2**64 - 1]
    with pytest.raises(ValueError, match="asarray"):
        ops.gemm(X[None], X[None], trans2=True)
    assert sorted(i for b in ops.minibatch(2, numpy.arange(5), shuffle=True) for i in b) == list(range(5))
