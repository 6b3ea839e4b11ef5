"""Training on the CPU by compiled kernels: updates of parameters, batches; the rest goes to the reference."""
cimport numpy as cnp

from ..kernels cimport optimizers
from ..kernels.batching import take_rows
from ..kernels._arrays cimport is_real_array, same_shape

cnp.import_array()


cdef bint alike(object A, object B):
    # arrays that one kernel can take together, in place
    return is_real_array(B) and cnp.PyArray_TYPE(<cnp.ndarray>A) == cnp.PyArray_TYPE(<cnp.ndarray>B) \
        and cnp.PyArray_ISCARRAY(<cnp.ndarray>B) and same_shape(<cnp.ndarray>A, <cnp.ndarray>B)


class CpuTraining:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def adam(
        self, cnp.ndarray weights not None, cnp.ndarray gradient not None, cnp.ndarray mom1 not None,
        cnp.ndarray mom2 not None, double beta1, double beta2, double eps, double learn_rate, mod_rate=1.0
    ):
        if not is_real_array(weights) or not alike(weights, weights) or not alike(weights, gradient) \
                or not alike(weights, mom1) or not alike(weights, mom2):
            return super().adam(weights, gradient, mom1, mom2, beta1, beta2, eps, learn_rate, mod_rate)
        cdef size_t n = cnp.PyArray_SIZE(weights)
        cdef void* w = cnp.PyArray_DATA(weights)
        cdef void* g = cnp.PyArray_DATA(gradient)
        cdef void* m = cnp.PyArray_DATA(mom1)
        cdef void* v = cnp.PyArray_DATA(mom2)
        if cnp.PyArray_TYPE(weights) == cnp.NPY_FLOAT32:
            with nogil:
                optimizers.adam[float](
                    <float*>w, <float*>g, <float*>m, <float*>v, NULL, n, learn_rate, beta1, beta2, eps, 0, 0,
                    0, 0
                )
        else:
            with nogil:
                optimizers.adam[double](
                    <double*>w, <double*>g, <double*>m, <double*>v, NULL, n, learn_rate, beta1, beta2, eps,
                    0, 0, 0, 0
                )
        return weights, gradient, mom1, mom2

    def clip_gradient(self, gradient, double threshold):
        if not is_real_array(gradient) or not alike(gradient, gradient) or threshold < 0:
            return super().clip_gradient(gradient, threshold)
        cdef size_t n = cnp.PyArray_SIZE(gradient)
        cdef void* g = cnp.PyArray_DATA(gradient)
        if cnp.PyArray_TYPE(gradient) == cnp.NPY_FLOAT32:
            with nogil:
                optimizers.clip_gradient[float](<float*>g, n, threshold)
        else:
            with nogil:
                optimizers.clip_gradient[double](<double*>g, n, threshold)
        return gradient

    def update_averages(self, ema, weights, t, max_decay=0.9999):
        if not is_real_array(ema) or not alike(ema, ema) or not alike(ema, weights):
            super().update_averages(ema, weights, t, max_decay)
            return
        cdef double rate = optimizers.average_rate(t, max_decay)
        cdef size_t n = cnp.PyArray_SIZE(ema)
        cdef void* e = cnp.PyArray_DATA(ema)
        cdef const void* w = cnp.PyArray_DATA(weights)
        if cnp.PyArray_TYPE(ema) == cnp.NPY_FLOAT32:
            with nogil:
                optimizers.update_average[float](<float*>e, <const float*>w, n, rate)
        else:
            with nogil:
                optimizers.update_average[double](<double*>e, <const double*>w, n, rate)

    def _take_rows(self, array, index):
        rows = take_rows(array, index)
        return super()._take_rows(array, index) if rows is None else rows
