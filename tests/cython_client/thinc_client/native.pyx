"""A kernel that is compiled into this package, with its own compiler flags, from the C++ headers."""
from libcpp.vector cimport vector


cdef extern from "thinc/kernels/layernorm.hh" namespace "thinc::thinc_client" nogil:
    void c_layernorm "thinc::thinc_client::layernorm"(
        float* y, float* mu, float* rstd, const float* x, const float* gain, const float* bias, size_t rows, size_t n,
        float epsilon,
    )


def layernorm(const float[:, ::1] X, const float[::1] gain, const float[::1] bias, float[:, ::1] out):
    """Rows of X (B, nO), each normalized, times `gain` plus `bias`, into `out`."""
    cdef size_t rows = X.shape[0], n = X.shape[1]
    cdef vector[float] mu, rstd
    if <size_t>gain.shape[0] != n or <size_t>bias.shape[0] != n or <size_t>out.shape[0] != rows \
            or <size_t>out.shape[1] != n:
        raise ValueError("layernorm: the shapes of gain, bias and out do not fit that of X")
    if rows == 0 or n == 0:
        return
    mu.resize(rows)
    rstd.resize(rows)
    with nogil:
        c_layernorm(&out[0, 0], mu.data(), rstd.data(), &X[0, 0], &gain[0], &bias[0], rows, n, <float>1e-12)
