"""The matrix products of the `blis` package, with the context that the CPU's feature bits ask for.

The package knows CPUs by family number and takes its portable kernels for every one that is younger than itself,
but its extension module exports BLIS's typed expert interface, which takes a context with each call.
"""
from libc.stdint cimport int64_t

from ._dispatch cimport cpu_features


cdef extern from *:
    """
    #if defined(_WIN32)
    // The wheels for Windows export no symbols but the module's own.
    static void* thinc_open_library(const char*) { return nullptr; }
    static void* thinc_find_symbol(void*, const char*) { return nullptr; }
    #else
    #include <dlfcn.h>
    static void* thinc_open_library(const char* path) { return dlopen(path, RTLD_LAZY | RTLD_LOCAL); }
    static void* thinc_find_symbol(void* library, const char* name) { return dlsym(library, name); }
    #endif
    """
    void* thinc_open_library(const char* path)
    void* thinc_find_symbol(void* library, const char* name)

ctypedef void* (*lookup_t)(int arch) noexcept nogil
ctypedef const char* (*name_t)(int arch) noexcept nogil
ctypedef void (*sgemm_t)(
    int transa, int transb, int64_t m, int64_t n, int64_t k, const float* alpha, const float* a, int64_t rsa,
    int64_t csa, const float* b, int64_t rsb, int64_t csb, const float* beta, float* c, int64_t rsc, int64_t csc,
    void* context, void* runtime
) noexcept nogil
ctypedef void (*dgemm_t)(
    int transa, int transb, int64_t m, int64_t n, int64_t k, const double* alpha, const double* a, int64_t rsa,
    int64_t csa, const double* b, int64_t rsb, int64_t csb, const double* beta, double* c, int64_t rsc, int64_t csc,
    void* context, void* runtime
) noexcept nogil

cdef void* _context = NULL
cdef sgemm_t _sgemm = NULL
cdef dgemm_t _dgemm = NULL
_state = None  # what describe() says; None before the first look
# Ids of bli_arch_string in the BLIS 0.7 that the package contains; their names are checked.
_ARCHITECTURES = {"skx": 0, "haswell": 3}


cdef bint blis_sgemm(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, float alpha, const float* A, Py_ssize_t rsa, Py_ssize_t csa,
    const float* B, Py_ssize_t rsb, Py_ssize_t csb, float beta, float* C, Py_ssize_t rsc, Py_ssize_t csc,
) noexcept nogil:
    if _sgemm == NULL:
        return False
    _sgemm(0, 0, m, n, k, &alpha, A, rsa, csa, B, rsb, csb, &beta, C, rsc, csc, _context, NULL)
    return True


cdef bint blis_dgemm(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, double alpha, const double* A, Py_ssize_t rsa, Py_ssize_t csa,
    const double* B, Py_ssize_t rsb, Py_ssize_t csb, double beta, double* C, Py_ssize_t rsc, Py_ssize_t csc,
) noexcept nogil:
    if _dgemm == NULL:
        return False
    _dgemm(0, 0, m, n, k, &alpha, A, rsa, csa, B, rsb, csb, &beta, C, rsc, csc, _context, NULL)
    return True


cdef bint _multiplies_correctly() noexcept:
    # 9 x 11 by 11 x 20 in small integers, where sums are exact; C must not be read
    cdef float A[99]
    cdef float B[220]
    cdef float C[180]
    cdef double Ad[99]
    cdef double Bd[220]
    cdef double Cd[180]
    cdef double total
    cdef int i, j, k
    for i in range(99):
        A[i] = Ad[i] = i % 7 - 3
    for i in range(220):
        B[i] = Bd[i] = i % 5 - 1
    for i in range(180):
        C[i] = Cd[i] = 1000
    blis_sgemm(9, 20, 11, 1, A, 11, 1, B, 1, 11, 0, C, 20, 1)
    blis_dgemm(9, 20, 11, 1, Ad, 11, 1, Bd, 1, 11, 0, Cd, 20, 1)
    for i in range(9):
        for j in range(20):
            total = 0
            for k in range(11):
                total += Ad[i * 11 + k] * Bd[j * 11 + k]
            if C[i * 20 + j] != total or Cd[i * 20 + j] != total:
                return False
    return True


cdef str _load():
    # Fill the function pointers; returns the name of the context, or raises LookupError with the reason.
    global _sgemm, _dgemm, _context
    try:
        from blis import cy
    except ImportError as error:
        raise LookupError(f"the package blis cannot be imported: {error}") from error
    cdef void* library = thinc_open_library(cy.__file__.encode())
    if library == NULL:
        raise LookupError("the extension module of blis exports no symbols on this platform")
    cdef void* lookup = thinc_find_symbol(library, b"bli_gks_lookup_nat_cntx")
    cdef void* arch_name = thinc_find_symbol(library, b"bli_arch_string")
    cdef void* sgemm = thinc_find_symbol(library, b"bli_sgemm_ex")
    cdef void* dgemm = thinc_find_symbol(library, b"bli_dgemm_ex")
    if lookup == NULL or arch_name == NULL or sgemm == NULL or dgemm == NULL:
        raise LookupError("this build of blis does not export the typed expert interface")

    cdef str name = "own choice"
    wanted = "skx" if cpu_features().has_avx512() else "haswell" if cpu_features().has_avx2() else None
    cdef bytes known
    cdef void* context = NULL  # BLIS's own choice
    if wanted is not None:
        arch = _ARCHITECTURES[wanted]
        # A build for other CPUs has no such context, and looking it up would crash.
        if thinc_find_symbol(library, b"bli_cntx_init_" + wanted.encode()) != NULL:
            known = (<name_t>arch_name)(arch)
            if known == wanted.encode():
                context = (<lookup_t>lookup)(arch)
                if context != NULL:
                    name = wanted
    _context = context
    _sgemm = <sgemm_t>sgemm
    _dgemm = <dgemm_t>dgemm
    if not _multiplies_correctly():
        _context = NULL
        _sgemm = NULL
        _dgemm = NULL
        raise LookupError(f"blis multiplies wrongly with the context {name!r}")
    return name


def load():
    """Look for BLIS, once; whether it can be used."""
    global _state
    if _state is None:
        try:
            _state = {"available": True, "context": _load(), "reason": ""}
        except LookupError as error:
            _state = {"available": False, "context": None, "reason": str(error)}
    return _state["available"]


def describe():
    """What was found, as a dict: `available`, the `context` that is passed, and the `reason` if there is none."""
    load()
    return dict(_state)
