"""Allocation on the CPU: large arrays come from blocks that are used again, also those that NumPy computes."""
cimport numpy as cnp

from cpython.object cimport PyObject

import numpy

from ..kernels._memory import uninitialized, zeros as cleared
from ._ops_arrays import _DTYPES

cnp.import_array()

cdef extern from "Python.h":
    PyObject* PyList_GET_ITEM(object, Py_ssize_t)
    Py_ssize_t Py_REFCNT(PyObject*)

cdef object small_zeros = numpy.zeros

# Elements, not bytes: what is smaller is cheap whatever its type.
cdef Py_ssize_t LARGE = 4096


cdef bint large_pair(object X, object Y):
    # two plain arrays of one shape and dtype that NumPy would allocate a large result for
    return (
        type(X) is cnp.ndarray and type(Y) is cnp.ndarray and cnp.PyArray_SIZE(<cnp.ndarray>X) >= LARGE
        and cnp.PyArray_TYPE(<cnp.ndarray>X) == cnp.PyArray_TYPE(<cnp.ndarray>Y)
        and cnp.PyArray_ISNUMBER(<cnp.ndarray>X) and cnp.PyArray_SAMESHAPE(<cnp.ndarray>X, <cnp.ndarray>Y)
    )


cdef bint is_like(object X, object Y):
    # plain arrays of numbers, of one shape and dtype
    return (
        type(X) is cnp.ndarray and type(Y) is cnp.ndarray
        and cnp.PyArray_TYPE(<cnp.ndarray>X) == cnp.PyArray_TYPE(<cnp.ndarray>Y)
        and cnp.PyArray_ISNUMBER(<cnp.ndarray>X) and cnp.PyArray_NDIM(<cnp.ndarray>X) > 0
        and cnp.PyArray_SAMESHAPE(<cnp.ndarray>X, <cnp.ndarray>Y)
    )


cdef object add(object X, object Y):
    # of two arrays that are alike
    if cnp.PyArray_SIZE(<cnp.ndarray>X) < LARGE:
        return X + Y
    return numpy.add(X, Y, out=uninitialized(X.shape, X.dtype))


cdef bint owns_memory(object X):
    # a contiguous array that is not a view of another one
    return (
        cnp.PyArray_CHKFLAGS(<cnp.ndarray>X, cnp.NPY_ARRAY_OWNDATA | cnp.NPY_ARRAY_CARRAY)
        and cnp.PyArray_ISNOTSWAPPED(<cnp.ndarray>X)
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
            if type(dtype) is str:
                dtype = _DTYPES.get(dtype, dtype)
            return small_zeros(shape, dtype) if zeros else numpy.empty(shape, dtype)
        return cleared(shape, dtype) if zeros else uninitialized(shape, dtype)

    def as_contig(self, data, dtype=None):
        if dtype is not None or type(data) is not cnp.ndarray or not cnp.PyArray_ISNUMBER(<cnp.ndarray>data):
            return super().as_contig(data, dtype)
        if cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>data):
            return data
        if cnp.PyArray_SIZE(<cnp.ndarray>data) < LARGE:
            return cnp.PyArray_NewCopy(<cnp.ndarray>data, cnp.NPY_CORDER)
        out = uninitialized(data.shape, data.dtype)
        numpy.copyto(out, data)
        return out

    def _add(self, X, Y):
        return numpy.add(X, Y, out=uninitialized(X.shape, X.dtype)) if large_pair(X, Y) else X + Y

    def _multiply(self, X, Y):
        return numpy.multiply(X, Y, out=uninitialized(X.shape, X.dtype)) if large_pair(X, Y) else X * Y

    def _add_items(self, Xs, Ys):
        if type(Xs) is not list or type(Ys) is not list or len(Xs) != len(Ys):
            return super()._add_items(Xs, Ys)
        cdef list sums = []
        for X, Y in zip(Xs, Ys):
            if not is_like(X, Y):
                return super()._add_items(Xs, Ys)
            sums.append(add(X, Y))
        return sums

    def _sum(self, list arrays not None):
        cdef Py_ssize_t n = len(arrays), i, owned = -1
        if n == 0 or not cnp.PyArray_Check(arrays[0]):
            return None
        # Before anything here refers to the arrays: what only the list refers to, nobody will miss.
        for i in range(min(n, 2)):
            if Py_REFCNT(PyList_GET_ITEM(arrays, i)) == 1:
                owned = i
        for i in range(n):
            if not is_like(arrays[i], arrays[0]):
                return super()._sum(arrays)
        if n == 1:
            return arrays[0]
        if owned >= 0 and owns_memory(arrays[owned]):
            total = arrays[owned]
            total += arrays[1 - owned]
        else:
            total = add(arrays[0], arrays[1])
        for i in range(2, n):
            total += arrays[i]
        return total

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
