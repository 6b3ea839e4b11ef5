"""Embedding tables and hashing on the CPU: check, allocate, release the GIL, call a kernel."""
cimport numpy as cnp
from libc.stdint cimport int32_t, uint32_t, uint64_t

from ..kernels._dispatch cimport active, real_kernels
from ..kernels._arrays cimport as_int32, contiguous, empty1, empty2, is_real_array
from ..kernels._threads cimport threads
from ..kernels.idmap import group
from ._split cimport split_gather_add, split_hash_ids, split_hash_ngrams, split_hash_rows, split_scatter_add

from ._hashing import check_ids

cnp.import_array()


cdef cnp.ndarray as_uint64(object ids):
    # `ids` as a contiguous 1-d uint64 array; other integers, of any byte order, are cast as NumPy does
    cdef cnp.ndarray array
    if not cnp.PyArray_Check(ids):
        ids = cnp.PyArray_FROM_O(ids)
    array = <cnp.ndarray>ids
    if cnp.PyArray_NDIM(array) != 1:
        raise ValueError(f"Expected a 1-d array of ids, but got shape {ids.shape}")
    if cnp.PyArray_TYPE(array) != cnp.NPY_UINT64 or not cnp.PyArray_ISNOTSWAPPED(array):
        check_ids(array)
        array = <cnp.ndarray>array.astype("uint64")
    return contiguous(array)


cdef object bad_index(str operation, cnp.ndarray indices, Py_ssize_t position, Py_ssize_t rows):
    return IndexError(
        f"Cannot compute {operation}: index {indices.flat[position]} at position {position} is out of bounds "
        f"for a table of {rows} rows"
    )


cdef scatter(str operation, cnp.ndarray table, cnp.ndarray indices, cnp.ndarray values, size_t K):
    cdef cnp.ndarray v = contiguous(values)
    # What is added are the values as they were before: none is read from a row that has been added to.
    if cnp.PyArray_BYTES(v) < cnp.PyArray_BYTES(table) + cnp.PyArray_NBYTES(table) \
            and cnp.PyArray_BYTES(table) < cnp.PyArray_BYTES(v) + cnp.PyArray_NBYTES(v):
        v = <cnp.ndarray>cnp.PyArray_NewCopy(v, cnp.NPY_CORDER)
    cdef size_t T = cnp.PyArray_DIM(table, 0), O = cnp.PyArray_DIM(table, 1), B = cnp.PyArray_DIM(v, 0)
    cdef void* e = cnp.PyArray_DATA(table)
    cdef const void* src = cnp.PyArray_DATA(v)
    cdef const int32_t* i = <const int32_t*>cnp.PyArray_DATA(indices)
    cdef Py_ssize_t bad
    if cnp.PyArray_TYPE(table) == cnp.NPY_FLOAT32:
        with nogil:
            bad = split_scatter_add(
                threads(), real_kernels(active(), <const float*>src), <float*>e, i, <const float*>src, T, O, B, K)
    else:
        with nogil:
            bad = split_scatter_add(
                threads(), real_kernels(active(), <const double*>src), <double*>e, i, <const double*>src, T, O, B, K)
    if bad >= 0:
        raise bad_index(operation, indices, bad, T)


class CpuTables:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def _group(self, ids):
        if type(ids) is cnp.ndarray and cnp.PyArray_ISINTEGER(<cnp.ndarray>ids) \
                and cnp.PyArray_NDIM(<cnp.ndarray>ids) == 1 and cnp.PyArray_SIZE(<cnp.ndarray>ids) < 0x7fffffff:
            return group(ids)
        return super()._group(ids)

    def gather_add(self, cnp.ndarray table not None, indices):
        if not is_real_array(table) or cnp.PyArray_NDIM(<cnp.ndarray>table) != 2:
            return super().gather_add(table, indices)
        cdef cnp.ndarray E = contiguous(table), index
        try:
            index = as_int32(indices)
        except OverflowError as error:
            raise IndexError(f"Cannot compute gather_add for a table of {len(table)} rows: {error}") from None
        if cnp.PyArray_NDIM(index) != 2:
            raise ValueError(f"Cannot compute gather_add: expected 2-d indices, but got shape {indices.shape}")
        cdef size_t T = cnp.PyArray_DIM(E, 0), O = cnp.PyArray_DIM(E, 1)
        cdef size_t B = cnp.PyArray_DIM(index, 0), K = cnp.PyArray_DIM(index, 1)
        cdef cnp.ndarray out = empty2(B, O, cnp.PyArray_TYPE(E))
        cdef void* y = cnp.PyArray_DATA(out)
        cdef const void* e = cnp.PyArray_DATA(E)
        cdef const int32_t* i = <const int32_t*>cnp.PyArray_DATA(index)
        cdef Py_ssize_t bad
        if cnp.PyArray_TYPE(E) == cnp.NPY_FLOAT32:
            with nogil:
                bad = split_gather_add(
                    threads(), real_kernels(active(), <const float*>e), <float*>y, <const float*>e, i, T, O, B, K)
        else:
            with nogil:
                bad = split_gather_add(
                    threads(), real_kernels(active(), <const double*>e), <double*>y, <const double*>e, i, T, O, B, K)
        if bad >= 0:
            raise bad_index("gather_add", index, bad, T)
        return out

    def scatter_add(self, cnp.ndarray table not None, indices, values):
        if not (
            is_real_array(table) and is_real_array(values) and cnp.PyArray_ISCARRAY(<cnp.ndarray>table)
            and cnp.PyArray_TYPE(<cnp.ndarray>table) == cnp.PyArray_TYPE(<cnp.ndarray>values)
            and cnp.PyArray_NDIM(<cnp.ndarray>table) == 2 and cnp.PyArray_NDIM(<cnp.ndarray>values) == 2
            and cnp.PyArray_Check(indices) and cnp.PyArray_TYPE(<cnp.ndarray>indices) == cnp.NPY_INT32
            and cnp.PyArray_NDIM(<cnp.ndarray>indices) == 1
            and cnp.PyArray_DIM(<cnp.ndarray>indices, 0) == cnp.PyArray_DIM(<cnp.ndarray>values, 0)
            and cnp.PyArray_DIM(<cnp.ndarray>table, 1) == cnp.PyArray_DIM(<cnp.ndarray>values, 1)
        ):
            return super().scatter_add(table, indices, values)
        scatter("scatter_add", table, as_int32(indices), values, 1)

    def hash(self, ids, seed):
        cdef cnp.ndarray keys = as_uint64(ids)
        cdef uint32_t start = seed
        cdef size_t n = cnp.PyArray_DIM(keys, 0)
        cdef cnp.ndarray out = empty2(n, 4, cnp.NPY_UINT32)
        cdef uint32_t* y = <uint32_t*>cnp.PyArray_DATA(out)
        cdef const uint64_t* k = <const uint64_t*>cnp.PyArray_DATA(keys)
        with nogil:
            split_hash_ids(threads(), active(), y, k, start, n)
        return out

    def _hash_embed(self, table, ids, seed):
        if not is_real_array(table) or cnp.PyArray_NDIM(<cnp.ndarray>table) != 2 \
                or not 0 < len(table) <= 0x7fffffff:
            return super()._hash_embed(table, ids, seed)
        cdef cnp.ndarray E = contiguous(table), keys = as_uint64(ids)
        cdef uint32_t start = seed, rows_in_table = cnp.PyArray_DIM(E, 0)
        cdef size_t T = rows_in_table, O = cnp.PyArray_DIM(E, 1), n = cnp.PyArray_DIM(keys, 0)
        cdef cnp.ndarray Y = empty2(n, O, cnp.PyArray_TYPE(E)), rows = empty2(n, 4, cnp.NPY_INT32)
        cdef void* y = cnp.PyArray_DATA(Y)
        cdef const void* e = cnp.PyArray_DATA(E)
        cdef int32_t* row = <int32_t*>cnp.PyArray_DATA(rows)
        cdef const uint64_t* k = <const uint64_t*>cnp.PyArray_DATA(keys)
        cdef bint single = cnp.PyArray_TYPE(E) == cnp.NPY_FLOAT32
        with nogil:
            split_hash_rows(threads(), active(), row, k, start, rows_in_table, n)
            if single:
                split_gather_add(
                    threads(), real_kernels(active(), <const float*>e), <float*>y, <const float*>e, row, T, O, n, 4)
            else:
                split_gather_add(
                    threads(), real_kernels(active(), <const double*>e), <double*>y, <const double*>e, row, T, O, n, 4)
        return Y, rows

    def _backprop_hash_embed(self, dE, rows, dY):
        if not (
            is_real_array(dE) and cnp.PyArray_ISCARRAY(<cnp.ndarray>dE) and cnp.PyArray_NDIM(<cnp.ndarray>dE) == 2
            and is_real_array(dY) and cnp.PyArray_NDIM(<cnp.ndarray>dY) == 2
            and cnp.PyArray_TYPE(<cnp.ndarray>dE) == cnp.PyArray_TYPE(<cnp.ndarray>dY)
            and cnp.PyArray_DIM(<cnp.ndarray>dE, 1) == cnp.PyArray_DIM(<cnp.ndarray>dY, 1)
            and rows.shape == (len(dY), 4)
        ):
            super()._backprop_hash_embed(dE, rows, dY)
        else:
            scatter("_backprop_hash_embed", dE, as_int32(rows), dY, 4)

    def ngrams(self, n, keys):
        cdef cnp.ndarray ids = as_uint64(keys)
        if n < 1 or n > cnp.PyArray_DIM(ids, 0):
            return empty1(0, cnp.NPY_UINT64)
        cdef size_t size = n, count = cnp.PyArray_DIM(ids, 0) - size + 1
        cdef cnp.ndarray out = empty1(count, cnp.NPY_UINT64)
        cdef uint64_t* y = <uint64_t*>cnp.PyArray_DATA(out)
        cdef const uint64_t* k = <const uint64_t*>cnp.PyArray_DATA(ids)
        with nogil:
            split_hash_ngrams(threads(), active(), y, k, size, count)
        return out
