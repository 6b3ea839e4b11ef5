"""Extension modules (one per .pyx) and one static library of kernels per instruction set."""

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension
from setuptools.command.build_clib import build_clib
from setuptools.command.build_ext import build_ext

from .flags import ISA_FLAGS, kernel_flags, link_flags, module_flags
from .interface import write_interface

ROOT = Path(__file__).parent.parent
CYTHON_DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "embedsignature": False,
    "always_allow_keywords": True,
}


def _relative(paths) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


def headers() -> list[str]:
    return _relative([*(ROOT / "include").rglob("*.hh"), *(ROOT / "thinc").glob("[bk]*/*.hh")])


def isa_names() -> list[str]:
    """The kernel variants that the machine we build for can have."""
    machine = os.environ.get("THINC_TARGET_MACHINE", platform.machine()).lower()
    if machine in ("x86_64", "amd64"):
        return ["baseline", "avx2", "avx512"]
    if machine in ("arm64", "aarch64"):
        return ["neon"]
    return ["baseline"]


def isa_libraries() -> list[tuple[str, dict]]:
    """`libraries=` entries: each `_isa/<name>.cpp` compiled with its own flags."""
    return [
        (
            f"thinc_{name}",
            {
                "sources": [f"thinc/kernels/_isa/{name}.cpp"],
                "include_dirs": ["include"],
                "cflags": kernel_flags() + ISA_FLAGS[name],
                # Without the headers here an edited kernel would not be rebuilt.
                "obj_deps": {"": headers()},
            },
        )
        for name in isa_names()
    ]


def extensions() -> list[Extension]:
    import numpy
    from Cython.Build import cythonize

    # The API of the oldest NumPy that we run on, whichever one we build with.
    macros = [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"), ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION")]
    macros += [(f"THINC_HAS_{name.upper()}", "1") for name in isa_names()]
    modules = [
        Extension(
            path[: -len(".pyx")].replace("/", "."),
            [path],
            include_dirs=["include", ".", numpy.get_include()],
            define_macros=macros,
            extra_compile_args=module_flags(),
            extra_link_args=link_flags(),
            depends=[*headers(), "build_tools/flags.py", "build_tools/exports.map"],
            language="c++",
        )
        for path in _relative((ROOT / "thinc").rglob("*.pyx"))
    ]
    return cythonize(modules, compiler_directives=CYTHON_DIRECTIVES, nthreads=0, include_path=[str(ROOT)])


class BuildLibraries(build_clib):
    """build_clib, with the instruction sets compiled side by side."""

    def build_libraries(self, libraries) -> None:
        build = super().build_libraries
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(lambda library: build([library]), libraries))


class BuildExtensions(build_ext):
    """build_ext that builds the kernel libraries first, also with --inplace, which needs `thinc/include` as well."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        self.run_command("build_clib")
        super().run()
        if self.inplace:
            write_interface(ROOT / "thinc")
