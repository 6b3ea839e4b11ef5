"""Allocation on the CPU: large arrays come from blocks that are used again, also those that NumPy computes."""
cimport numpy as cnp
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from ..kernels._arrays cimport empty_like, is_real_array
from ..kernels._dispatch cimport Kernels, PartWriter, active, real_kernels
from ..kernels._memory cimport empty, zeros_of
from ..kernels._threads cimport split_ranges, threads
from ._split cimport split_combine, split_transpose

import numpy

from ..kernels._memory import uninitialized, zeros as cleared
from ._ops_arrays import _DTYPES

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    object PyArray_NewFromDescr(
        type subtype, cnp.dtype descr, int nd, cnp.npy_intp* dims, cnp.npy_intp* strides, void* data, int flags,
        void* obj
    )

cdef extern from "Python.h":
    PyObject* PyList_GET_ITEM(object, Py_ssize_t)
    Py_ssize_t Py_REFCNT(PyObject*)

# Zeros, as all that is static; as many bytes as any number has.
cdef double[4] ZERO

cdef object small_zeros = numpy.zeros

# Elements, not bytes: what is smaller is cheap whatever its type.
cdef Py_ssize_t LARGE = 4096

# Copies of an array that are made side by side.
cdef Py_ssize_t MANY = 64

# NumPy's limit, in any version.
cdef enum:
    MAX_DIMS = 64


cdef bint is_plain(object X):
    # numbers in native byte order, with at least one dimension
    return (
        type(X) is cnp.ndarray and cnp.PyArray_NDIM(<cnp.ndarray>X) > 0 and cnp.PyArray_ISNUMBER(<cnp.ndarray>X)
        and cnp.PyArray_ISNOTSWAPPED(<cnp.ndarray>X)
    )


cdef bint is_like(object X, object Y):
    # plain arrays of one shape and dtype
    return (
        is_plain(X) and is_plain(Y) and cnp.PyArray_TYPE(<cnp.ndarray>X) == cnp.PyArray_TYPE(<cnp.ndarray>Y)
        and cnp.PyArray_SAMESHAPE(<cnp.ndarray>X, <cnp.ndarray>Y)
    )


cdef bint combine_into(bint product, cnp.ndarray out, cnp.ndarray X, cnp.ndarray Y):
    # out = X + Y or X * Y, of arrays that are alike, by a kernel; False if there is none for them. `out` may be X or Y.
    cdef int kind = cnp.PyArray_TYPE(X)
    if (kind != cnp.NPY_FLOAT32 and kind != cnp.NPY_FLOAT64) or not cnp.PyArray_ISCARRAY(out) \
            or not cnp.PyArray_ISCARRAY_RO(X) or not cnp.PyArray_ISCARRAY_RO(Y):
        return False
    cdef size_t n = cnp.PyArray_SIZE(X)
    cdef void* z = cnp.PyArray_DATA(out)
    cdef const void* x = cnp.PyArray_DATA(X)
    cdef const void* y = cnp.PyArray_DATA(Y)
    cdef const Kernels* k = active()
    if kind == cnp.NPY_FLOAT32:
        with nogil:
            split_combine(
                threads(), k.f32.windows.multiply if product else k.f32.windows.add, <float*>z, <const float*>x,
                <const float*>y, n)
    else:
        with nogil:
            split_combine(
                threads(), k.f64.windows.multiply if product else k.f64.windows.add, <double*>z, <const double*>x,
                <const double*>y, n)
    return True


cdef object combine(bint product, object X, object Y):
    # the sum or product of two arrays that are alike
    cdef cnp.ndarray out
    if is_real_array(X):
        out = empty_like(<cnp.ndarray>X)
        if combine_into(product, out, <cnp.ndarray>X, <cnp.ndarray>Y):
            return out
    if cnp.PyArray_SIZE(<cnp.ndarray>X) < LARGE:
        return X * Y if product else X + Y
    return (numpy.multiply if product else numpy.add)(X, Y, out=uninitialized(X.shape, X.dtype))


cdef object add_to(object total, object X):
    # total += X, of two arrays that are alike and do not overlap
    if not combine_into(False, <cnp.ndarray>total, <cnp.ndarray>total, <cnp.ndarray>X):
        total += X
    return total


cdef bint owns_memory(object X):
    # a contiguous array that is not a view of another one
    return (
        cnp.PyArray_CHKFLAGS(<cnp.ndarray>X, cnp.NPY_ARRAY_OWNDATA | cnp.NPY_ARRAY_CARRAY)
        and cnp.PyArray_ISNOTSWAPPED(<cnp.ndarray>X)
    )


cdef struct Part:
    # what one array gives to each row of a wider one
    const char* data
    Py_ssize_t width  # bytes


cdef struct Copy:
    # rows, each made of a piece of every part, or of one row of a wider array
    char* out
    const Part* parts
    Py_ssize_t count, row, total
    const char* source
    Py_ssize_t stride


# Nanoseconds to copy a byte.
cdef double cost = 0.1


cdef void join_range(void* context, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # bytes of the output
    cdef const Copy* c = <const Copy*>context
    cdef Py_ssize_t row = first // c.row, i
    cdef PartWriter writer
    writer.begin(c.out, c.total, first, last, row * c.row)
    while not writer.is_done():
        for i in range(c.count):
            writer.put(c.parts[i].data + row * c.parts[i].width, c.parts[i].width)
        row += 1
    writer.end()


cdef void copy_range(void* context, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef const Copy* c = <const Copy*>context
    cdef Py_ssize_t i
    for i in range(first, last):
        # Through the caches, however much it is: whoever wants an array contiguous reads it next.
        memcpy(c.out + i * c.row, c.source + i * c.stride, c.row)


cdef cnp.ndarray joined(object arrays, bint side_by_side):
    # The arrays along their last axis, or their first; None if they are not contiguous arrays of numbers that fit.
    arrays = tuple(arrays)  # a list may change while the GIL is released
    cdef Py_ssize_t n = len(arrays), i, rows = 1, total = 0
    cdef int d, ndim, axis
    cdef cnp.npy_intp dims[MAX_DIMS]
    cdef cnp.ndarray first, array, out
    cdef Part* parts
    cdef Copy copy
    if n == 0 or not is_plain(arrays[0]):
        return None
    first = <cnp.ndarray>arrays[0]
    ndim = cnp.PyArray_NDIM(first)
    axis = ndim - 1 if side_by_side else 0
    for item in arrays:
        if not is_plain(item):
            return None
        array = <cnp.ndarray>item
        if cnp.PyArray_NDIM(array) != ndim or cnp.PyArray_TYPE(array) != cnp.PyArray_TYPE(first) \
                or not cnp.PyArray_IS_C_CONTIGUOUS(array):
            return None
        for d in range(ndim):
            if d != axis and cnp.PyArray_DIM(array, d) != cnp.PyArray_DIM(first, d):
                return None
        total += cnp.PyArray_DIM(array, axis)
    for d in range(ndim):
        dims[d] = total if d == axis else cnp.PyArray_DIM(first, d)
        if d < axis:
            rows *= dims[d]
    out = empty(ndim, dims, cnp.PyArray_TYPE(first))
    if cnp.PyArray_SIZE(out) == 0:
        return out
    parts = <Part*>malloc(n * sizeof(Part))
    if parts == NULL:
        raise MemoryError()
    for i in range(n):
        array = <cnp.ndarray>arrays[i]
        parts[i].data = cnp.PyArray_BYTES(array)
        parts[i].width = cnp.PyArray_NBYTES(array) // rows
    total = cnp.PyArray_NBYTES(out)
    copy = Copy(cnp.PyArray_BYTES(out), parts, n, total // rows, total, NULL, 0)
    with nogil:
        split_ranges(threads(), total, cost, 64, join_range, &copy)
    free(parts)
    return out


cdef bint has_rows(cnp.ndarray X) noexcept:
    # whether X is rows of contiguous numbers at equal distances, such as a part of the columns of an array
    cdef int ndim = cnp.PyArray_NDIM(X)
    if ndim < 2 or cnp.PyArray_STRIDE(X, ndim - 1) != cnp.PyArray_ITEMSIZE(X):
        return False
    cdef int d
    for d in range(ndim - 2):
        if cnp.PyArray_STRIDE(X, d) != cnp.PyArray_STRIDE(X, d + 1) * cnp.PyArray_DIM(X, d + 1):
            return False
    return True


cdef cnp.ndarray copy_rows(cnp.ndarray X):
    # of an array that has_rows, and elements
    cdef int last = cnp.PyArray_NDIM(X) - 1
    cdef cnp.ndarray out = empty(last + 1, cnp.PyArray_DIMS(X), cnp.PyArray_TYPE(X))
    cdef Py_ssize_t stride = cnp.PyArray_STRIDE(X, last - 1), row = cnp.PyArray_DIM(X, last) * cnp.PyArray_ITEMSIZE(X)
    cdef Py_ssize_t rows = cnp.PyArray_SIZE(X) // cnp.PyArray_DIM(X, last)
    cdef Copy copy = Copy(cnp.PyArray_BYTES(out), NULL, 0, row, 0, cnp.PyArray_BYTES(X), stride)
    with nogil:
        split_ranges(threads(), rows, cost * row, 1, copy_range, &copy)
    return out


cdef bint is_transposed(cnp.ndarray X) noexcept:
    # whether X.T is rows of contiguous numbers, of a size that kernels move
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(X)
    return (
        cnp.PyArray_NDIM(X) == 2 and (size == 4 or size == 8) and cnp.PyArray_ISALIGNED(X)
        and cnp.PyArray_STRIDE(X, 0) == size and cnp.PyArray_STRIDE(X, 1) >= size * cnp.PyArray_DIM(X, 0)
        and cnp.PyArray_STRIDE(X, 1) % size == 0
    )


cdef cnp.ndarray copy_transposed(cnp.ndarray X):
    # of an array that is_transposed: numbers of one size are all alike
    cdef cnp.ndarray out = empty(2, cnp.PyArray_DIMS(X), cnp.PyArray_TYPE(X))
    cdef size_t columns = cnp.PyArray_DIM(X, 0), rows = cnp.PyArray_DIM(X, 1)
    cdef size_t stride = cnp.PyArray_STRIDE(X, 1) // cnp.PyArray_ITEMSIZE(X)
    cdef void* to = cnp.PyArray_DATA(out)
    cdef const void* x = cnp.PyArray_DATA(X)
    if cnp.PyArray_ITEMSIZE(X) == 4:
        with nogil:
            split_transpose(
                threads(), real_kernels(active(), <const float*>x), <float*>to, <const float*>x, stride, rows, columns)
    else:
        with nogil:
            split_transpose(
                threads(), real_kernels(active(), <const double*>x), <double*>to, <const double*>x, stride, rows,
                columns)
    return out


class CpuMemory:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def alloc(self, shape, *, dtype="float32", zeros=True):
        cdef cnp.npy_intp dims[MAX_DIMS]
        cdef Py_ssize_t i, ndim
        cdef double size = 0  # cannot overflow: NumPy says which shapes are impossible
        if type(dtype) is str:
            dtype = _DTYPES.get(dtype, dtype)
        if zeros and type(shape) is tuple and isinstance(dtype, cnp.dtype):
            ndim = len(<tuple>shape)
            for i in range(min(ndim, MAX_DIMS)):
                n = (<tuple>shape)[i]
                if type(n) is not int:
                    break
                dims[i] = n
            else:
                if ndim <= MAX_DIMS:
                    return zeros_of(ndim, dims, dtype)
        if isinstance(shape, (tuple, list)):
            size = 1
            for n in shape:
                size *= n
        elif isinstance(shape, int):
            size = shape
        if size < LARGE:
            return small_zeros(shape, dtype) if zeros else numpy.empty(shape, dtype)
        return cleared(shape, dtype) if zeros else uninitialized(shape, dtype)

    def as_contig(self, data, dtype=None):
        if dtype is not None or not is_plain(data):
            return super().as_contig(data, dtype)
        if cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>data):
            return data
        if cnp.PyArray_SIZE(<cnp.ndarray>data) < LARGE:
            return cnp.PyArray_NewCopy(<cnp.ndarray>data, cnp.NPY_CORDER)
        if has_rows(<cnp.ndarray>data):
            return copy_rows(<cnp.ndarray>data)
        if is_transposed(<cnp.ndarray>data):
            return copy_transposed(<cnp.ndarray>data)
        out = uninitialized(data.shape, data.dtype)
        numpy.copyto(out, data)
        return out

    def tile(self, X, reps):
        if is_plain(X) and type(reps) is tuple and len(<tuple>reps) == cnp.PyArray_NDIM(<cnp.ndarray>X):
            *others, n = reps
            # along the last axis: as if so many arrays lay side by side
            if type(n) is int and 0 < n <= MANY and all([other == 1 for other in others]):
                out = joined([X] * n, True)
                if out is not None:
                    return out
        return super().tile(X, reps)

    def _zeros_like(self, X):
        if type(X) is not cnp.ndarray:
            return super()._zeros_like(X)
        return zeros_of(cnp.PyArray_NDIM(<cnp.ndarray>X), cnp.PyArray_DIMS(<cnp.ndarray>X), (<cnp.ndarray>X).descr)

    def _constant_zeros(self, tuple shape not None, dtype):
        # one zero, seen at every place
        cdef cnp.npy_intp dims[MAX_DIMS]
        cdef cnp.npy_intp strides[MAX_DIMS]
        cdef int d, ndim = <int>len(shape)
        if not isinstance(dtype, cnp.dtype) or not 0 < ndim <= MAX_DIMS \
                or not cnp.PyTypeNum_ISNUMBER((<cnp.dtype>dtype).type_num):
            return super()._constant_zeros(shape, dtype)
        for d in range(ndim):
            dims[d] = shape[d]
            strides[d] = 0
        Py_INCREF(dtype)  # the constructor takes the reference over
        return PyArray_NewFromDescr(cnp.ndarray, <cnp.dtype>dtype, ndim, dims, strides, <void*>ZERO, 0, NULL)

    def _add(self, X, Y):
        return combine(False, X, Y) if is_like(X, Y) else X + Y

    def _multiply(self, X, Y):
        return combine(True, X, Y) if is_like(X, Y) else X * Y

    def _add_items(self, Xs, Ys):
        if type(Xs) is not list or type(Ys) is not list or len(Xs) != len(Ys):
            return super()._add_items(Xs, Ys)
        cdef list sums = []
        for X, Y in zip(Xs, Ys):
            if not is_like(X, Y):
                return super()._add_items(Xs, Ys)
            sums.append(combine(False, X, Y))
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
            total = add_to(arrays[owned], arrays[1 - owned])
        else:
            total = combine(False, arrays[0], arrays[1])
        for i in range(2, n):
            total = add_to(total, arrays[i])
        return total

    def _concatenate(self, arrays, axis):
        out = joined(arrays, axis == -1) if axis in (0, -1) else None
        return super()._concatenate(arrays, axis) if out is None else out
