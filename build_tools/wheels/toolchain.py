"""What wheels are compiled with: Clang as the package `ziglang` has it, which can target any glibc, musl and CPU."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A machine and a C library that a wheel is for."""

    machine: str
    libc: str  # the rest of Zig's name for it
    tag: str  # the oldest platform tag that its wheels can have

    @property
    def is_glibc(self) -> bool:
        return self.tag.startswith("manylinux")


TARGETS = {
    target.tag: target
    for target in (
        Target("x86_64", "linux-gnu.2.17", "manylinux2014_x86_64"),
        Target("aarch64", "linux-gnu.2.17", "manylinux2014_aarch64"),
        Target("x86_64", "linux-musl", "musllinux_1_2_x86_64"),
        Target("aarch64", "linux-musl", "musllinux_1_2_aarch64"),
    )
}


def environment(target: Target, python: str, cache: Path) -> dict[str, str]:
    """Variables that make setuptools build for `target`, with a Python ("3.13") of this machine."""
    import ziglang

    zig = str(Path(ziglang.__file__).parent / "zig")
    # Linked with the C library's shared object, as an extension module must be; musl's would else be linked in.
    options = ["-target", f"{target.machine}-{target.libc}", "-fno-sanitize=undefined"]
    if not target.is_glibc:
        options.append("-dynamic")
    c, cxx = shlex.join([zig, "cc", *options]), shlex.join([zig, "c++", *options])
    suffix = "gnu" if target.is_glibc else "musl"
    return {
        **os.environ,
        "CC": c,
        "CXX": cxx,
        "LDSHARED": f"{c} -shared",
        "LDCXXSHARED": f"{cxx} -shared",
        "LDFLAGS": "-s",
        "AR": shlex.join([zig, "ar"]),
        "ZIG_GLOBAL_CACHE_DIR": str(cache),
        "ZIG_LOCAL_CACHE_DIR": str(cache),
        "THINC_TARGET_MACHINE": target.machine,
        "_PYTHON_HOST_PLATFORM": f"linux-{target.machine}",
        "SETUPTOOLS_EXT_SUFFIX": f".cpython-{python.replace('.', '')}-{target.machine}-linux-{suffix}.so",
    }
