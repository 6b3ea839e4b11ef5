"""The CUDA kernels on the CPU: one thread after the other; where they exchange values, those of a warp at once."""

import ctypes
import re
import subprocess

import numpy

from thinc.backends import CupyOps
from thinc.backends._custom_kernels import KERNELS_LIST, read_source

PRELUDE = """
#include <math.h>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>
struct Dim { int x; };
static thread_local Dim blockIdx, threadIdx, blockDim, gridDim;
#define __global__ static
#define __device__

static struct {
    std::mutex mutex;
    std::condition_variable changed;
    int waiting = 0, round = 0;
    void wait_for_all() {
        std::unique_lock<std::mutex> lock(mutex);
        const int now = round;
        if (++waiting == 32) {
            waiting = 0;
            ++round;
            changed.notify_all();
        } else {
            changed.wait(lock, [=] { return round != now; });
        }
    }
} warp;
template <typename T> T __shfl_xor_sync(unsigned mask, T x, int distance) {
    static T values[32];
    values[threadIdx.x] = x;
    warp.wait_for_all();
    const T other = values[threadIdx.x ^ distance];
    warp.wait_for_all();
    return other;
}
template <typename T> void atomicAdd(T* sum, T x) { *sum += x; }
static void atomicOr(int* flags, int x) { __atomic_fetch_or(flags, x, __ATOMIC_SEQ_CST); }

template <typename F> void launch(F f) {
    gridDim.x = 3;
    blockDim.x = 4;
    for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x)
        for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) f();
}
template <typename F> void launch_warps(F f) {
    std::vector<std::thread> threads;
    for (int lane = 0; lane < 32; ++lane)
        threads.emplace_back([=] {
            gridDim.x = 2;
            blockDim.x = 32;
            threadIdx.x = lane;
            for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) f();
        });
    for (std::thread& thread : threads) thread.join();
}
"""
KERNEL = re.compile(
    r"(?:template <(?P<types>[^>]*)>\s*)?__global__ void (?P<name>\w+)\((?P<parameters>[^)]*)\) \{(?P<body>.*?)\n\}",
    re.S,
)
NUMBERS = {
    "index_t": (numpy.int64, ctypes.c_longlong),
    "unsigned": (numpy.uint32, ctypes.c_uint),
    "float": (numpy.float32, ctypes.c_float),
    "double": (numpy.float64, ctypes.c_double),
}


class OpsOnCpu(CupyOps):
    """CupyOps whose arrays are NumPy's; its kernels are those that `Kernels` holds."""

    xp = numpy


class Kernels:
    """Stands in for the module that CuPy compiles: every kernel of the list, checked at each launch."""

    def __init__(self, folder, compiler):
        source = read_source().replace('extern "C" __global__', "__global__")
        found = {match["name"]: match for match in KERNEL.finditer(source)}
        assert len(found) == source.count("__global__")
        self.launched = []
        self._parameters = {}
        entries = []
        for i, expression in enumerate(KERNELS_LIST):
            name, *arguments = re.split(r"<|, |>", expression.removesuffix(">"))
            kernel = found[name]
            parameters = " ".join(kernel["parameters"].split())
            for parameter, argument in zip(
                re.findall(r"\w+(?=,|$)", kernel["types"] or ""), arguments, strict=True
            ):
                parameters = re.sub(rf"\b{parameter}\b", argument, parameters)
            names = re.findall(r"\w+(?=,|$)", parameters)
            run = "launch_warps" if "FOR_EACH_ROW" in kernel["body"] else "launch"
            entries.append(
                f'extern "C" void run{i}({parameters}) {{ {run}([=] {{ {expression}({", ".join(names)}); }}); }}'
            )
            self._parameters[expression] = (i, [p.rsplit(" ", 1)[0] for p in parameters.split(", ")])
        (folder / "kernels.cpp").write_text(PRELUDE + source + "\n".join(entries))
        library = folder / "kernels.so"
        command = [
            compiler,
            "-std=c++17",
            "-pthread",
            "-shared",
            "-fPIC",
            "-O1",
            folder / "kernels.cpp",
            "-o",
            library,
        ]
        subprocess.run(list(map(str, command)), check=True)
        self._library = ctypes.CDLL(str(library))

    def get_function(self, expression):
        number, types = self._parameters[expression]

        def run(grid, block, args):
            assert 1 <= grid[0] <= 65535
            assert 1 <= block[0] <= 1024
            assert block[0] % 32 == 0
            self.launched.append(expression)
            converted = [as_argument(arg, kind) for arg, kind in zip(args, types, strict=True)]
            self._library[f"run{number}"](*converted)

        return run


def as_argument(arg, kind):
    """What CuPy would pass, which takes the types of the arguments for those of the parameters."""
    if not kind.endswith("*"):
        expected, c_type = NUMBERS[kind.removeprefix("const ")]
        assert type(arg) is expected, (kind, type(arg))
        return c_type(arg.item())
    if isinstance(arg, numpy.uint64):  # no array
        assert arg == 0
        return None
    assert arg.flags.c_contiguous
    item = kind.replace("const ", "").replace("*", "").strip()
    sizes = {
        "float": "f4",
        "double": "f8",
        "int": "i4",
        "unsigned": "u4",
        "index_t": "i8",
        "unsigned long long": "u8",
    }
    expected = "u8" if kind.count("*") > 1 else sizes.get(item, "i8")
    assert arg.dtype == expected, (kind, arg.dtype)
    return arg.ctypes.data_as(ctypes.c_void_p)
