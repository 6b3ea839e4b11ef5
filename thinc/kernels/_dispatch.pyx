"""Choice of the kernel variant: once at import, by CPU feature bits; `THINC_ISA` overrides it."""
import os

cdef const Kernels* _found[4]
cdef int _n_found = available_kernels(_found)
cdef const Kernels* _active = _found[_n_found - 1]


cdef const Kernels* active() noexcept nogil:
    return _active


def available_isas():
    """Names of the kernel variants that this machine can run, slowest first."""
    return [_found[i].isa.decode() for i in range(_n_found)]


def current_isa():
    """Name of the kernel variant in use."""
    return _active.isa.decode()


def select_isa(str name):
    """Use the variant `name` from now on, in every thread.

    Raises
    ------
    ValueError
        If the variant was not built or this CPU lacks its instructions.
    """
    global _active
    for i in range(_n_found):
        if _found[i].isa.decode() == name:
            _active = _found[i]
            return
    raise ValueError(
        f"Cannot use kernels for ISA {name!r}: expected one of {available_isas()} on this machine"
    )


class use_isa:
    """Context manager: run the body with another kernel variant (for tests and benchmarks)."""

    def __init__(self, name):
        self.name = name
        self.previous = None

    def __enter__(self):
        self.previous = current_isa()
        select_isa(self.name)
        return self

    def __exit__(self, *exc_info):
        select_isa(self.previous)


def features():
    """CPU features that the choice of kernels looks at, as a dict of bools."""
    cdef CpuFeatures f = cpu_features()
    return {
        "sse4.2": f.sse42, "avx2": f.avx2, "fma": f.fma, "avx512f": f.avx512f, "avx512dq": f.avx512dq,
        "avx512bw": f.avx512bw, "avx512vl": f.avx512vl, "neon": f.neon,
    }


if os.environ.get("THINC_ISA"):
    try:
        select_isa(os.environ["THINC_ISA"])
    except ValueError as error:
        raise ValueError(f"{error}. Unset or change the environment variable THINC_ISA.") from None
