"""Batches: rows of an array, gathered by index at the speed of memcpy."""
import numpy

cimport numpy as cnp
from libc.stdint cimport int64_t

from ._arrays cimport contiguous
from ._memory cimport empty
from ._dispatch cimport active
from ._split_training cimport split_gather_rows
from ._threads cimport threads

cnp.import_array()


cdef ptrdiff_t gather_rows(
    void* out, const void* rows, const int64_t* index, size_t n, size_t n_rows, size_t row_bytes
) noexcept nogil:
    return active().batching.gather_rows(<char*>out, <const char*>rows, index, n, n_rows, row_bytes)


def take_rows(cnp.ndarray array not None, cnp.ndarray index not None):
    """The rows of an array at the positions `index`, as a new C-contiguous array.

    Parameters
    ----------
    array : numpy.ndarray, at least 1-d
        Any dtype that holds no Python objects, C-contiguous.
    index : numpy.ndarray of integers, 1-d

    Returns
    -------
    numpy.ndarray, shape ``(len(index), *array.shape[1:])``. None if the array is not of this kind.

    Raises
    ------
    IndexError
        If an index is negative or not less than ``len(array)``.
    """
    cdef int ndim = cnp.PyArray_NDIM(array), kind = cnp.PyArray_TYPE(array), i
    if ndim < 1 or not cnp.PyArray_IS_C_CONTIGUOUS(array) or type(array) is not cnp.ndarray \
            or cnp.PyArray_NDIM(index) != 1 or not cnp.PyArray_ISINTEGER(index) \
            or array.dtype.hasobject:
        return None
    if cnp.PyArray_TYPE(index) != cnp.NPY_INT64 or not cnp.PyArray_ISBEHAVED_RO(index):
        index = index.astype("int64")
    index = contiguous(index)
    cdef size_t n = cnp.PyArray_DIM(index, 0), n_rows = cnp.PyArray_DIM(array, 0)
    cdef size_t row_bytes = cnp.PyArray_ITEMSIZE(array)
    cdef cnp.npy_intp shape[64]  # NumPy's own limit
    shape[0] = n
    for i in range(1, ndim):
        shape[i] = cnp.PyArray_DIM(array, i)
        row_bytes *= shape[i]
    cdef cnp.ndarray out
    if cnp.PyTypeNum_ISNUMBER(kind) and cnp.PyArray_ISNOTSWAPPED(array):
        out = empty(ndim, shape, kind)
    else:  # the type number says not all: strings, records, dates
        out = numpy.empty((n, *(<object>array).shape[1:]), array.dtype)
    cdef char* to = cnp.PyArray_BYTES(out)
    cdef const char* rows = cnp.PyArray_BYTES(array)
    cdef const int64_t* positions = <const int64_t*>cnp.PyArray_DATA(index)
    cdef ptrdiff_t bad
    with nogil:
        bad = split_gather_rows(threads(), active(), to, rows, positions, n, n_rows, row_bytes)
    if bad >= 0:
        raise IndexError(
            f"Cannot take row {positions[bad]} (position {bad} of the index) of an array with {n_rows} rows: "
            "expected indices from 0 to the number of rows less one"
        )
    return out
