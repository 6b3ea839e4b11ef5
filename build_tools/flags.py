"""Compiler flags, in one place."""

import os
import sys

MSVC = sys.platform == "win32"

# "address", "undefined" or "thread": instruments everything that is compiled; see `make test-asan`.
SANITIZER = os.environ.get("THINC_SANITIZE", "")

# Each set must be implied by the CPU feature bits that cpu.hh asks for before it chooses the variant.
ISA_FLAGS: dict[str, list[str]] = {
    "baseline": [] if MSVC or os.uname().machine not in ("x86_64", "amd64") else ["-msse4.2", "-mpopcnt"],
    "avx2": ["/arch:AVX2"] if MSVC else ["-mavx2", "-mfma", "-mbmi", "-mbmi2", "-mpopcnt"],
    "avx512": ["/arch:AVX512"]
    if MSVC
    else [
        "-mavx512f",
        "-mavx512dq",
        "-mavx512bw",
        "-mavx512vl",
        "-mavx2",
        "-mfma",
        "-mbmi",
        "-mbmi2",
        "-mpopcnt",
        "-mprefer-vector-width=512",
    ],
    "neon": [],
}


def kernel_flags() -> list[str]:
    """Kernels: no exceptions, no libm errno, contraction to FMA; never -ffast-math, which changes the process."""
    if MSVC:
        return ["/std:c++17", "/O2", "/fp:contract"]
    return [
        "-std=c++17",
        "-O3",
        "-fPIC",
        "-ffp-contract=fast",
        "-fno-math-errno",
        "-fno-trapping-math",
        "-fno-exceptions",
        "-fno-rtti",
        "-fno-threadsafe-statics",
        "-fvisibility=hidden",
        "-g0",
        "-Wall",
        "-Wextra",
        "-Wno-uninitialized",  # GCC 12 warns about its own AVX-512 headers (GCC bug 105593)
        *sanitizer_flags(),
    ]


def module_flags() -> list[str]:
    """Cython modules: they adapt and do not compute, so size matters more than vector code."""
    if MSVC:
        return ["/std:c++17", "/O2"]
    flags = [
        "-std=c++17",
        "-O2",
        "-g0",
        "-pthread",
        "-fno-sized-deallocation",
        "-Wno-unused-function",
        "-Wno-cpp",
    ]
    # Other modules find functions through capsules: nothing but the entry point need be seen from outside.
    return [*flags, "-fvisibility=hidden", *sanitizer_flags()]


def link_flags() -> list[str]:
    """Threads and dlopen are libraries of their own before glibc 2.34; a static libstdc++ or libc++ shows nothing."""
    if MSVC:
        return []
    linux = ["-ldl", "-Wl,--version-script=build_tools/exports.map"] if sys.platform == "linux" else []
    return ["-pthread", *linux, *sanitizer_flags()]


def sanitizer_flags() -> list[str]:
    """For the compiler and the linker. A finding ends the process: no test can pass over it."""
    if not SANITIZER:
        return []
    return [f"-fsanitize={SANITIZER}", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1", "-O1"]
