"""Allocation on the CPU: large arrays come from blocks that are used again, also those that NumPy computes."""
cimport numpy as cnp

import numpy

from ..kernels._memory import uninitialized, zeros as cleared

cnp.import_array()

# Elements, not bytes: what is smaller is cheap whatever its type.
cdef Py_ssize_t LARGE = 4096


cdef bint large_pair(object X, object Y):
    # two plain arrays of one shape and dtype that NumPy would allocate a large result for
    return (
        type(X) is cnp.ndarray and type(Y) is cnp.ndarray and cnp.PyArray_SIZE(<cnp.ndarray>X) >= LARGE
        and cnp.PyArray_TYPE(<cnp.ndarray>X) == cnp.PyArray_TYPE(<cnp.ndarray>Y)
        and cnp.PyArray_ISNUMBER(<cnp.ndarray>X) and cnp.PyArray_SAMESHAPE(<cnp.ndarray>X, <cnp.ndarray>Y)
    )


class CpuMemory:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def alloc(self, shape, *, dtype="float32", zeros=True):
        cdef double size = 0  # cannot overflow: NumPy says which shapes are impossible
        if isinstance(shape, (tuple, list)):
            size = 1
            for n in shape:
                size *= n
        elif isinstance(shape, int):
            size = shape
        if size < LARGE:
            return super().alloc(shape, dtype=dtype, zeros=zeros)
        return cleared(shape, dtype) if zeros else uninitialized(shape, dtype)

    def as_contig(self, data, dtype=None):
        if dtype is not None or type(data) is not cnp.ndarray or cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>data) \
                or cnp.PyArray_SIZE(<cnp.ndarray>data) < LARGE or not cnp.PyArray_ISNUMBER(<cnp.ndarray>data):
            return super().as_contig(data, dtype)
        out = uninitialized(data.shape, data.dtype)
        numpy.copyto(out, data)
        return out

    def _add(self, X, Y):
        return numpy.add(X, Y, out=uninitialized(X.shape, X.dtype)) if large_pair(X, Y) else super()._add(X, Y)

    def _multiply(self, X, Y):
        if not large_pair(X, Y):
            return super()._multiply(X, Y)
        return numpy.multiply(X, Y, out=uninitialized(X.shape, X.dtype))

    def _concatenate(self, arrays, axis):
        cdef Py_ssize_t total = 0, size = 0
        if axis not in (0, -1) or not len(arrays):
            return super()._concatenate(arrays, axis)
        first = arrays[0]
        for array in arrays:
            if type(array) is not cnp.ndarray or cnp.PyArray_NDIM(<cnp.ndarray>array) == 0 \
                    or not cnp.PyArray_ISNUMBER(<cnp.ndarray>array) \
                    or cnp.PyArray_TYPE(<cnp.ndarray>array) != cnp.PyArray_TYPE(<cnp.ndarray>first):
                return super()._concatenate(arrays, axis)
            total += array.shape[axis]
            size += cnp.PyArray_SIZE(<cnp.ndarray>array)
        if size < LARGE:
            return super()._concatenate(arrays, axis)
        shape = list(first.shape)
        shape[axis] = total
        # A shape that does not fit is NumPy's to refuse.
        return numpy.concatenate(arrays, axis=axis, out=uninitialized(tuple(shape), first.dtype))
