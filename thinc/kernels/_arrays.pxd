# What the functions over arrays share: cheap checks and allocation. Inline: nothing to import.
cimport numpy as cnp
from libc.stdint cimport int32_t

from ._memory cimport empty


cdef inline bint is_real_array(object X):
    # float32 or float64 in native byte order: what the kernels take; any strides
    if not cnp.PyArray_Check(X):
        return False
    cdef int kind = cnp.PyArray_TYPE(<cnp.ndarray>X)
    return (kind == cnp.NPY_FLOAT32 or kind == cnp.NPY_FLOAT64) and cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray>X)


cdef inline cnp.ndarray contiguous(cnp.ndarray X):
    # X itself if a pointer to its data is all a kernel needs, else a copy
    if cnp.PyArray_ISCARRAY_RO(X):
        return X
    return <cnp.ndarray>cnp.PyArray_NewCopy(X, cnp.NPY_CORDER)


cdef inline cnp.ndarray empty_like(cnp.ndarray X):
    # uninitialised C-contiguous array with the shape and dtype of X
    return empty(cnp.PyArray_NDIM(X), cnp.PyArray_DIMS(X), cnp.PyArray_TYPE(X))


cdef inline bint same_shape(cnp.ndarray A, cnp.ndarray B) noexcept:
    return cnp.PyArray_SAMESHAPE(A, B)


cdef inline cnp.ndarray empty1(cnp.npy_intp d0, int kind):
    return empty(1, &d0, kind)


cdef inline cnp.ndarray empty2(cnp.npy_intp d0, cnp.npy_intp d1, int kind):
    cdef cnp.npy_intp dims[2]
    dims[0] = d0
    dims[1] = d1
    return empty(2, dims, kind)


cdef inline bint fits_int32(object values):
    # whether as_int32 takes `values`
    cdef cnp.ndarray array
    if cnp.PyArray_Check(values) and cnp.PyArray_TYPE(<cnp.ndarray>values) == cnp.NPY_INT32:
        return True
    array = <cnp.ndarray>cnp.PyArray_FROM_O(values)
    if cnp.PyArray_SIZE(array) == 0:
        return True
    return cnp.PyArray_ISINTEGER(array) and (
        cnp.PyArray_ITEMSIZE(array) < 4 or (array.max() <= 0x7fffffff and array.min() >= -0x80000000)
    )


cdef inline cnp.ndarray as_int32(object values):
    # `values` as a C-contiguous int32 array; an int32 one is not copied. Values that do not fit raise OverflowError.
    cdef cnp.ndarray array
    if cnp.PyArray_Check(values) and cnp.PyArray_TYPE(<cnp.ndarray>values) == cnp.NPY_INT32 \
            and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>values):
        return <cnp.ndarray>values
    array = <cnp.ndarray>cnp.PyArray_FROM_O(values)
    if cnp.PyArray_SIZE(array) == 0:
        return <cnp.ndarray>array.astype("int32")
    if not cnp.PyArray_ISINTEGER(array):
        raise TypeError(f"Expected an array of integers, but got dtype {array.dtype}")
    if not fits_int32(array):
        raise OverflowError(f"Expected integers that fit in 32 bits, but got up to {array.max()}")
    return <cnp.ndarray>cnp.PyArray_NewCopy(array.astype("int32"), cnp.NPY_CORDER)


cdef inline bint lengths_fit(cnp.ndarray lengths, Py_ssize_t rows) noexcept:
    # whether these, from as_int32, are the lengths of sequences of so many rows in all
    cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(lengths)
    cdef Py_ssize_t total = 0, i
    if cnp.PyArray_NDIM(lengths) != 1:
        return False
    for i in range(cnp.PyArray_DIM(lengths, 0)):
        if length[i] < 0:
            return False
        total += length[i]
    return total == rows


cdef inline bint is_matrix(object X, Py_ssize_t rows, Py_ssize_t columns, int kind):
    # whether X is an array (rows, columns) of that type; any strides
    return (
        is_real_array(X) and cnp.PyArray_TYPE(<cnp.ndarray>X) == kind and cnp.PyArray_NDIM(<cnp.ndarray>X) == 2
        and cnp.PyArray_DIM(<cnp.ndarray>X, 0) == rows and cnp.PyArray_DIM(<cnp.ndarray>X, 1) == columns
    )
