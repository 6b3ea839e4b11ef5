"""Elementary functions of the kernels over arrays: what the tests of include/thinc/simd/math.hh measure."""
cimport numpy as cnp

from ._dispatch cimport active

import numpy

cnp.import_array()

ctypedef void (*map32)(float* y, const float* x, size_t n, const double* args) noexcept nogil
ctypedef void (*map64)(double* y, const double* x, size_t n, const double* args) noexcept nogil


def evaluate(str name, X):
    """The function `name` of each element of a float32 or float64 array.

    Raises
    ------
    ValueError
        If there is no such function.
    TypeError
        If X is neither float32 nor float64.
    """
    cdef map32 f
    cdef map64 d
    if name == "exp":
        f = active().f32.elementary.exp
        d = active().f64.elementary.exp
    elif name == "exp_moderate":
        f = active().f32.elementary.exp_moderate
        d = active().f64.elementary.exp_moderate
    elif name == "exp_negative":
        f = active().f32.elementary.exp_negative
        d = active().f64.elementary.exp_negative
    elif name == "log":
        f = active().f32.elementary.log
        d = active().f64.elementary.log
    elif name == "log1p":
        f = active().f32.elementary.log1p
        d = active().f64.elementary.log1p
    elif name == "tanh":
        f = active().f32.elementary.tanh
        d = active().f64.elementary.tanh
    elif name == "logistic":
        f = active().f32.elementary.logistic
        d = active().f64.elementary.logistic
    elif name == "erf":
        f = active().f32.elementary.erf
        d = active().f64.elementary.erf
    elif name == "normal_tail":
        f = active().f32.elementary.normal_tail
        d = active().f64.elementary.normal_tail
    else:
        raise ValueError(f"No elementary function {name!r}")
    cdef cnp.ndarray x = numpy.ascontiguousarray(X)
    cdef cnp.ndarray y = numpy.empty_like(x)
    cdef size_t n = cnp.PyArray_SIZE(x)
    if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
        f(<float*>cnp.PyArray_DATA(y), <const float*>cnp.PyArray_DATA(x), n, NULL)
    elif cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT64:
        d(<double*>cnp.PyArray_DATA(y), <const double*>cnp.PyArray_DATA(x), n, NULL)
    else:
        raise TypeError(f"Expected float32 or float64, but got {x.dtype}")
    return y
