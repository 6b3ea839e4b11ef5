"""CUDA kernels for what array code does badly on a GPU; compiled by CuPy when first asked for."""

from typing import TYPE_CHECKING, Any

from .. import compat

if TYPE_CHECKING:
    KERNELS: Any

KERNELS_LIST = [
    f"{name}<{real}>" for name in ("maxout", "reduce_sum", "reduce_max") for real in ("float", "double")
]

# One thread for each output, in a loop over the grid: any launch size is right.
SOURCE = """
template <typename T>
__global__ void maxout(T* best, int* which, const T* X, long long BO, long long P) {
    const long long stride = (long long)blockDim.x * gridDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < BO; i += stride) {
        const T* pieces = X + i * P;
        long long p = 0;
        for (long long q = 1; q < P; ++q)
            if (pieces[q] > pieces[p] || (pieces[q] != pieces[q] && pieces[p] == pieces[p])) p = q;
        best[i] = pieces[p];
        which[i] = (int)p;
    }
}

template <typename T>
__global__ void reduce_sum(T* sums, const T* X, const long long* ends, long long B, long long O) {
    const long long stride = (long long)blockDim.x * gridDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < B * O; i += stride) {
        const long long b = i / O, o = i % O;
        T sum = 0;
        for (long long row = b ? ends[b - 1] : 0; row < ends[b]; ++row) sum += X[row * O + o];
        sums[i] = sum;
    }
}

template <typename T>
__global__ void reduce_max(
    T* maxes, int* which, const T* X, const long long* ends, long long B, long long O
) {
    const long long stride = (long long)blockDim.x * gridDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < B * O; i += stride) {
        const long long b = i / O, o = i % O, start = b ? ends[b - 1] : 0;
        long long best = start;
        for (long long row = start + 1; row < ends[b]; ++row) {
            const T x = X[row * O + o], y = X[best * O + o];
            if (x > y || (x != x && y == y)) best = row;
        }
        maxes[i] = X[best * O + o];
        which[i] = (int)(best - start);
    }
}
"""

# MurmurHash3_x64_128 of one eight-byte key per thread.
MMH_SOURCE = """
__device__ unsigned long long mix64(unsigned long long h) {
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ (h >> 33);
}

extern "C" __global__ void hash_data(
    unsigned int* words, const unsigned long long* keys, long long N, unsigned int seed
) {
    const long long stride = (long long)blockDim.x * gridDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < N; i += stride) {
        unsigned long long k = keys[i] * 0x87c37b91114253d5ULL;
        k = ((k << 31) | (k >> 33)) * 0x4cf5ad432745937fULL;
        unsigned long long h1 = seed ^ k ^ 8, h2 = seed ^ 8ULL;
        h1 += h2;
        h2 += h1;
        h1 = mix64(h1);
        h2 = mix64(h2);
        h1 += h2;
        h2 += h1;
        words[4 * i] = (unsigned int)h1;
        words[4 * i + 1] = (unsigned int)(h1 >> 32);
        words[4 * i + 2] = (unsigned int)h2;
        words[4 * i + 3] = (unsigned int)(h2 >> 32);
    }
}
"""

_OPTIONS = ("--std=c++11",)


def compile_kernels() -> Any:
    """The CuPy module with the kernels of `KERNELS_LIST`; None without a GPU."""
    if not compat.has_cupy_gpu:
        return None
    return compat.cupy.RawModule(code=SOURCE, options=_OPTIONS, name_expressions=KERNELS_LIST)


def compile_mmh() -> Any:
    """The kernel ``hash_data(words, keys, N, seed)``; None without a GPU."""
    if not compat.has_cupy_gpu:
        return None
    return compat.cupy.RawKernel(MMH_SOURCE, "hash_data", options=_OPTIONS)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = _LAZY[name]()
    return value


# Asking for these imports CuPy and needs the device, so not before somebody does.
_LAZY = {"KERNELS": compile_kernels, "MMH": compile_mmh}
