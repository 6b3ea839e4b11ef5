"""Lists of sequences as one array, on the CPU: check, allocate, release the GIL, copy rows."""
cimport numpy as cnp
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from ..kernels._arrays cimport empty1
from ..kernels._dispatch cimport PartWriter, Writer, active, real_kernels
from ..kernels._memory cimport empty
from ..kernels._threads cimport split_ranges, threads
from ..types import Padded
from ._split cimport split_add_reversed

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    object PyArray_NewFromDescr(
        type subtype, cnp.dtype descr, int nd, cnp.npy_intp* dims, cnp.npy_intp* strides, void* data, int flags,
        void* obj
    )

# Of dimensions: NumPy's limit, in any version.
cdef enum:
    MAX_DIMS = 64
    LARGEST = 0x7fffffff  # number of rows to pad with: sums of them cannot overflow
    TILE = 8
    LINE = 64

# Nanoseconds to copy a byte.
cdef double cost = 0.1


cdef struct Part:
    # one of the arrays of a list
    const char* data
    Py_ssize_t rows


cdef bint is_plain(object X):
    # an array that can be copied byte by byte: numbers or booleans in native byte order, with at least one dimension
    return (
        type(X) is cnp.ndarray and cnp.PyArray_NDIM(<cnp.ndarray>X) > 0
        and (cnp.PyArray_ISNUMBER(<cnp.ndarray>X) or cnp.PyArray_ISBOOL(<cnp.ndarray>X))
        and cnp.PyArray_ISNOTSWAPPED(<cnp.ndarray>X)
    )


cdef Py_ssize_t row_bytes(cnp.ndarray X) noexcept:
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(X)
    cdef int d
    for d in range(1, cnp.PyArray_NDIM(X)):
        size *= cnp.PyArray_DIM(X, d)
    return size


cdef class Parts:
    # the arrays of a list, all of one dtype and shape but for their lengths, as pointers
    cdef Part* items
    cdef Py_ssize_t count, total, longest, row
    cdef cnp.ndarray first
    cdef list owners  # the arrays, contiguous: the caller's list may change while the GIL is released

    def __dealloc__(self):
        free(self.items)


cdef Parts as_parts(object arrays, bint drop_empty):
    # None if there are no arrays, or some that are not plain, or differ: `super()` knows what to do then
    if type(arrays) is not list and type(arrays) is not tuple:
        return None
    cdef list owners = list(arrays)
    cdef Py_ssize_t n = len(owners), k, i
    cdef Parts parts = Parts.__new__(Parts)
    cdef cnp.ndarray array, first
    cdef int d, ndim
    if n == 0 or not is_plain(owners[0]):
        return None
    parts.owners = owners
    parts.items = <Part*>malloc(n * sizeof(Part))
    if parts.items == NULL:
        raise MemoryError()
    first = <cnp.ndarray>owners[0]
    ndim = cnp.PyArray_NDIM(first)
    for k in range(n):
        if not is_plain(owners[k]):
            return None
        array = <cnp.ndarray>owners[k]
        if drop_empty and cnp.PyArray_SIZE(array) == 0:
            continue
        if parts.count == 0:
            first = array
            ndim = cnp.PyArray_NDIM(first)
        elif cnp.PyArray_TYPE(array) != cnp.PyArray_TYPE(first) or cnp.PyArray_NDIM(array) != ndim:
            return None
        for d in range(1, ndim):
            if cnp.PyArray_DIM(array, d) != cnp.PyArray_DIM(first, d):
                return None
        if not cnp.PyArray_IS_C_CONTIGUOUS(array):
            array = <cnp.ndarray>cnp.PyArray_NewCopy(array, cnp.NPY_CORDER)
            owners[k] = array
        i = parts.count
        parts.items[i].data = <const char*>cnp.PyArray_DATA(array)
        parts.items[i].rows = cnp.PyArray_DIM(array, 0)
        parts.total += parts.items[i].rows
        parts.longest = max(parts.longest, parts.items[i].rows)
        parts.count += 1
    if parts.longest > 0x7fffffff:
        return None
    parts.first = first
    parts.row = row_bytes(first)
    return parts


cdef cnp.ndarray new_array(cnp.ndarray like, Py_ssize_t d0, Py_ssize_t d1, int leading):
    # uninitialised, with one or two leading dimensions, and the dtype and trailing dimensions of `like`
    cdef cnp.npy_intp dims[MAX_DIMS + 1]
    cdef int d, ndim = cnp.PyArray_NDIM(like)
    dims[0] = d0
    if leading == 2:
        dims[1] = d1
    for d in range(1, ndim):
        dims[leading + d - 1] = cnp.PyArray_DIM(like, d)
    return empty(leading + ndim - 1, dims, cnp.PyArray_TYPE(like))


cdef cnp.ndarray view(cnp.ndarray base, int skip, Py_ssize_t rows, char* data):
    # `rows` rows from `data` on; of a base without its first `skip` dimensions
    cdef cnp.npy_intp dims[MAX_DIMS]
    cdef cnp.dtype descr = base.descr
    cdef int d, ndim = cnp.PyArray_NDIM(base) - skip
    for d in range(ndim):
        dims[d] = cnp.PyArray_DIM(base, d + skip)
    dims[0] = rows
    Py_INCREF(descr)  # the constructor takes the reference over
    cdef cnp.ndarray part = <cnp.ndarray>PyArray_NewFromDescr(
        cnp.ndarray, descr, ndim, dims, cnp.PyArray_STRIDES(base) + skip, data,
        cnp.PyArray_FLAGS(base) & cnp.NPY_ARRAY_WRITEABLE, NULL
    )
    cnp.set_array_base(part, base)
    return part


cdef list split(cnp.ndarray rows, cnp.ndarray lengths, Py_ssize_t pad):
    # views, one for each length, as slices would give them: what there is, if there are too few rows
    cdef const int32_t* n = <const int32_t*>cnp.PyArray_DATA(lengths)
    cdef Py_ssize_t T = cnp.PyArray_DIM(rows, 0), stride = cnp.PyArray_STRIDE(rows, 0), start = 0, first, i
    cdef char* data = cnp.PyArray_BYTES(rows)
    cdef list parts = []
    for i in range(cnp.PyArray_DIM(lengths, 0)):
        if n[i] < 0:
            raise ValueError(f"unflatten: lengths must be >= 0, got {n[i]}")
        if n[i] > 0:
            start += pad
        first = min(start, T)
        parts.append(view(rows, 0, min(<Py_ssize_t>n[i], T - first), data + first * stride))
        start += n[i]
    return parts


cdef cnp.ndarray as_lengths(object values):
    # a contiguous int32 vector, or None if that is not what the values are, or a list of ints, say
    cdef cnp.ndarray out
    cdef int32_t* n
    cdef Py_ssize_t i
    if type(values) is cnp.ndarray:
        if cnp.PyArray_TYPE(<cnp.ndarray>values) == cnp.NPY_INT32 and cnp.PyArray_NDIM(<cnp.ndarray>values) == 1 \
                and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>values):
            return <cnp.ndarray>values
        return None
    if type(values) is not list:
        return None
    out = empty1(len(values), cnp.NPY_INT32)
    n = <int32_t*>cnp.PyArray_DATA(out)
    for i in range(len(values)):
        value = values[i]
        if type(value) is not int or not -0x80000000 <= value <= 0x7fffffff:
            return None
        n[i] = value
    return out


cdef struct Row:
    # arrays one after the other, with zeros before and behind them, or until each is so many steps long
    char* out
    const Part* parts
    Py_ssize_t count, row, pad, steps, total


cdef void join_range(void* context, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # bytes of the output
    cdef const Row* r = <const Row*>context
    cdef Py_ssize_t i = 0
    cdef PartWriter writer
    writer.begin(r.out, r.total, first, last, 0)
    while i < r.count and not writer.is_done():
        if r.pad > 0:
            writer.zeros(r.pad * r.row)
        writer.put(r.parts[i].data, r.parts[i].rows * r.row)
        i += 1
    if r.pad > 0:
        writer.zeros(r.pad * r.row)
    writer.end()


cdef void stack_range(void* context, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef const Row* r = <const Row*>context
    cdef Py_ssize_t each = r.steps * r.row, i = first // each if each else 0
    cdef PartWriter writer
    writer.begin(r.out, r.total, first, last, i * each)
    while i < r.count and not writer.is_done():
        writer.put(r.parts[i].data, r.parts[i].rows * r.row)
        writer.zeros((r.steps - r.parts[i].rows) * r.row)
        i += 1
    writer.end()


cdef void join(char* out, Parts parts, Py_ssize_t pad) noexcept:
    cdef Row row = Row(
        out, parts.items, parts.count, parts.row, pad, 0, (parts.total + pad * (parts.count + 1)) * parts.row
    )
    with nogil:
        split_ranges(threads(), row.total, cost, LINE, join_range, &row)


cdef void stack(char* out, Parts parts, Py_ssize_t steps) noexcept:
    cdef Row row = Row(out, parts.items, parts.count, parts.row, 0, steps, parts.count * steps * parts.row)
    with nogil:
        split_ranges(threads(), row.total, cost, LINE, stack_range, &row)


cdef void sort_by_length(
    int32_t* order, int32_t* lengths, int32_t* size_at_t, int32_t* place, const Part* parts, Py_ssize_t count,
    Py_ssize_t longest
) noexcept nogil:
    # Decreasing; of equal lengths, the later comes first. A counting sort, whose counts are `size_at_t`: how many are
    # longer than t. `place` (longest + 1) is where the next of each length goes.
    cdef Py_ssize_t i, t
    cdef int32_t longer = 0, same
    memset(place, 0, (longest + 1) * sizeof(int32_t))
    for i in range(count):
        place[parts[i].rows] += 1
    for t in range(longest, -1, -1):
        if t < longest:
            size_at_t[t] = longer
        same = place[t]
        place[t] = longer
        longer += same
    for i in range(count - 1, -1, -1):
        t = parts[i].rows
        order[place[t]] = i
        lengths[place[t]] = t
        place[t] += 1


cdef struct Columns:
    # sequences side by side, one row of each in every step
    char* out
    char** places  # of the columns, on the way back
    const Part* parts
    const int32_t* order
    const int32_t* lengths
    const char* source
    Py_ssize_t count, row, total


cdef void steps_range(void* context, Py_ssize_t begin, Py_ssize_t last) noexcept nogil:
    # Time-major, zeros where a sequence has ended. A few columns at a time: as many streams as the CPU prefetches.
    cdef const Columns* c = <const Columns*>context
    cdef Py_ssize_t t, b, first = 0, end, row = c.row
    cdef const Part* part
    cdef char* target
    while first < c.count:
        end = min(first + TILE, c.count)
        for t in range(begin, last):
            target = c.out + (t * c.count + first) * row
            for b in range(first, end):
                part = c.parts + c.order[b]
                if t < part.rows:
                    memcpy(target, part.data + t * row, row)
                else:
                    memset(target, 0, row)
                target += row
        first = end


cdef void to_steps(
    char* out, const Part* parts, const int32_t* order, Py_ssize_t count, Py_ssize_t row, Py_ssize_t steps
) noexcept nogil:
    cdef Columns columns = Columns(out, NULL, parts, order, NULL, NULL, count, row, 0)
    split_ranges(threads(), steps, cost * count * row, 1, steps_range, &columns)


cdef void columns_range(void* context, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # the inverse: each column, as long as it is, to its own place
    cdef const Columns* c = <const Columns*>context
    cdef Py_ssize_t t, b, end, longest
    cdef Writer[TILE] writers
    while first < last:
        end = min(first + TILE, last)
        longest = 0
        for b in range(first, end):
            longest = max(longest, <Py_ssize_t>c.lengths[b])
            writers[b - first].begin(c.places[b], c.total)
        for t in range(longest):
            for b in range(first, end):
                if t < c.lengths[b]:
                    writers[b - first].put(c.source + (t * c.count + b) * c.row, c.row)
        for b in range(first, end):
            writers[b - first].end()
        first = end


cdef void from_steps(
    char** out, const char* steps, const int32_t* lengths, Py_ssize_t count, Py_ssize_t row
) noexcept nogil:
    cdef Columns columns = Columns(NULL, out, NULL, NULL, lengths, steps, count, row, 0)
    cdef Py_ssize_t b
    for b in range(count):
        columns.total += lengths[b] * row
    if count > 0:
        split_ranges(threads(), count, cost * columns.total / count, TILE, columns_range, &columns)


cdef bint fits(cnp.ndarray data, cnp.ndarray lengths, cnp.ndarray indices):
    # whether the columns of a Padded can be taken out one by one: a position for each, and as many steps as it is long
    cdef Py_ssize_t n = cnp.PyArray_DIM(lengths, 0), i
    cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(lengths)
    if cnp.PyArray_DIM(indices, 0) != n or cnp.PyArray_NDIM(data) < 2 or cnp.PyArray_DIM(data, 1) != n:
        return False
    for i in range(n):
        if length[i] < 0 or length[i] > cnp.PyArray_DIM(data, 0):
            return False
    return are_positions(indices)


cdef bint are_positions(cnp.ndarray indices):
    # each of 0 .. n - 1 once
    cdef Py_ssize_t n = cnp.PyArray_DIM(indices, 0), i
    cdef const int32_t* index = <const int32_t*>cnp.PyArray_DATA(indices)
    cdef char* seen = <char*>malloc(n + 1)
    cdef bint once = True
    if seen == NULL:
        raise MemoryError()
    memset(seen, 0, n)
    for i in range(n):
        if index[i] < 0 or index[i] >= n or seen[index[i]]:
            once = False
            break
        seen[index[i]] = 1
    free(seen)
    return once


cdef tuple to_rows(object padded):
    # the rows of the sequences of a Padded in their original order, one sequence after the other, and their lengths
    data = padded.data
    if not is_plain(data):
        return None
    cdef cnp.ndarray lengths = as_lengths(padded.lengths), indices = as_lengths(padded.indices)
    if lengths is None or indices is None or not fits(data, lengths, indices):
        return None
    cdef cnp.ndarray steps = <cnp.ndarray>data
    if not cnp.PyArray_IS_C_CONTIGUOUS(steps):
        steps = <cnp.ndarray>cnp.PyArray_NewCopy(steps, cnp.NPY_CORDER)
    cdef Py_ssize_t count = cnp.PyArray_DIM(lengths, 0), total = 0, i, row
    cdef cnp.ndarray original = empty1(count, cnp.NPY_INT32)
    cdef int32_t* n = <int32_t*>cnp.PyArray_DATA(original)
    cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(lengths)
    cdef const int32_t* index = <const int32_t*>cnp.PyArray_DATA(indices)
    for i in range(count):
        n[index[i]] = length[i]
        total += length[i]
    cdef cnp.npy_intp dims[MAX_DIMS]
    cdef int d, ndim = cnp.PyArray_NDIM(steps)
    dims[0] = total
    row = cnp.PyArray_ITEMSIZE(steps)
    for d in range(2, ndim):
        dims[d - 1] = cnp.PyArray_DIM(steps, d)
        row *= dims[d - 1]
    cdef cnp.ndarray rows = empty(ndim - 1, dims, cnp.PyArray_TYPE(steps))
    cdef char** columns = <char**>malloc((2 * count + 1) * sizeof(char*))
    if columns == NULL:
        raise MemoryError()
    cdef char** places = columns + count
    cdef char* place = cnp.PyArray_BYTES(rows)
    cdef const char* source = <const char*>cnp.PyArray_DATA(steps)
    for i in range(count):
        places[i] = place
        place += n[i] * row
    for i in range(count):
        columns[i] = places[index[i]]
    with nogil:
        from_steps(columns, source, length, count, row)
    free(columns)
    return rows, original


cdef cnp.ndarray as_steps(object X, object lengths):
    # (S, B, width), contiguous, if there is a length for each column, none longer than S; else None
    if not is_plain(X) or cnp.PyArray_NDIM(<cnp.ndarray>X) != 3:
        return None
    cdef cnp.ndarray n = as_lengths(lengths), x = <cnp.ndarray>X
    if n is None or cnp.PyArray_DIM(n, 0) != cnp.PyArray_DIM(x, 1):
        return None
    cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(n)
    cdef Py_ssize_t i
    for i in range(cnp.PyArray_DIM(n, 0)):
        if length[i] > cnp.PyArray_DIM(x, 0):
            return None
    return x if cnp.PyArray_IS_C_CONTIGUOUS(x) else <cnp.ndarray>cnp.PyArray_NewCopy(x, cnp.NPY_CORDER)


cdef cnp.ndarray new_steps(cnp.ndarray like, Py_ssize_t width):
    cdef cnp.npy_intp dims[3]
    dims[0], dims[1], dims[2] = cnp.PyArray_DIM(like, 0), cnp.PyArray_DIM(like, 1), width
    return empty(3, dims, cnp.PyArray_TYPE(like))


cdef inline Py_ssize_t reversed_row(const int32_t* lengths, Py_ssize_t t, Py_ssize_t b, Py_ssize_t B) noexcept nogil:
    # where row (t, b) is when each sequence is reversed within its length
    return (lengths[b] - 1 - t if t < lengths[b] else t) * B + b


cdef struct Halves:
    # steps of B rows: X, or what is left and right in one row
    char* out
    const char* left
    const char* right
    Py_ssize_t left_row, right_row, S, B
    const int32_t* lengths


cdef void reverse_range(void* context, Py_ssize_t first_step, Py_ssize_t last) noexcept nogil:
    # Neighbours of one length stay neighbours: they are copied together, as is the padding behind the sequences.
    cdef const Halves* x = <const Halves*>context
    cdef Py_ssize_t t, b, first, n, B = x.B, row = x.left_row
    cdef Writer writer
    writer.begin(x.out + first_step * B * row, x.S * B * row)
    for t in range(first_step, last):
        b = 0
        while b < B:
            first = reversed_row(x.lengths, t, b, B)
            n = 1
            while b + n < B and reversed_row(x.lengths, t, b + n, B) == first + n:
                n += 1
            writer.put(x.left + first * row, n * row)
            b += n
    writer.end()


cdef void join_steps_range(void* context, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # Put the rows of `right`, reversed in time, beside those of `left`.
    cdef const Halves* x = <const Halves*>context
    cdef Py_ssize_t t, b, B = x.B, row = x.left_row + x.right_row
    cdef Writer writer
    writer.begin(x.out + first * B * row, x.S * B * row)
    for t in range(first, last):
        for b in range(B):
            writer.put(x.left + (t * B + b) * x.left_row, x.left_row)
            writer.put(x.right + reversed_row(x.lengths, t, b, B) * x.right_row, x.right_row)
    writer.end()


cdef void split_steps_range(void* context, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # Take `right` out again; `left` is both.
    cdef const Halves* x = <const Halves*>context
    cdef Py_ssize_t t, b, B = x.B, row = x.left_row + x.right_row
    cdef Writer writer
    writer.begin(x.out + first * B * x.right_row, x.S * B * x.right_row)
    for t in range(first, last):
        for b in range(B):
            writer.put(x.left + reversed_row(x.lengths, t, b, B) * row + x.left_row, x.right_row)
    writer.end()


cdef Py_ssize_t row_stride(cnp.ndarray X) noexcept:
    # elements between the rows of X (S, B, width), or 0 if these are not contiguous, or not at equal distances
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(X), stride = cnp.PyArray_STRIDE(X, 1)
    if cnp.PyArray_STRIDE(X, 2) != size or stride <= 0 or stride % size or not cnp.PyArray_ISALIGNED(X) \
            or cnp.PyArray_STRIDE(X, 0) != stride * cnp.PyArray_DIM(X, 1):
        return 0
    return stride // size


class CpuPadding:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def flatten(self, X, dtype=None, pad=0, ndim_if_empty=2):
        cdef Parts parts
        cdef cnp.ndarray out
        cdef char* target
        cdef Py_ssize_t zeros
        if X is None or dtype is not None or not 0 <= pad <= LARGEST:
            return super().flatten(X, dtype=dtype, pad=pad, ndim_if_empty=ndim_if_empty)
        parts = as_parts(X, True)
        if parts is None or parts.count == 0:
            return super().flatten(X, dtype=dtype, pad=pad, ndim_if_empty=ndim_if_empty)
        zeros = pad
        out = new_array(parts.first, parts.total + zeros * (parts.count + 1), 0, 1)
        target = cnp.PyArray_BYTES(out)
        join(target, parts, zeros)
        return out

    def unflatten(self, X, lengths, pad=0):
        cdef cnp.ndarray n
        if type(X) is not cnp.ndarray or cnp.PyArray_NDIM(<cnp.ndarray>X) == 0 \
                or not 0 <= pad <= LARGEST:
            return super().unflatten(X, lengths, pad=pad)
        n = as_lengths(lengths)
        if n is None:
            return super().unflatten(X, lengths, pad=pad)
        return split(<cnp.ndarray>X, n, pad)

    def pad(self, seqs, round_to=1):
        cdef Parts parts
        cdef cnp.ndarray out
        cdef Py_ssize_t steps, multiple
        cdef char* target
        if type(round_to) is not int or not 1 <= round_to <= LARGEST:
            return super().pad(seqs, round_to=round_to)
        parts = as_parts(seqs, False)
        if parts is None:
            return super().pad(seqs, round_to=round_to)
        multiple = round_to
        steps = (parts.longest + multiple - 1) // multiple * multiple
        out = new_array(parts.first, parts.count, steps, 2)
        target = cnp.PyArray_BYTES(out)
        stack(target, parts, steps)
        return out

    def insert_into(self, shape, Xs):
        cdef Parts parts = as_parts(Xs, False)
        cdef cnp.ndarray out
        cdef Py_ssize_t steps
        cdef char* target
        if parts is None or type(shape) is not tuple or len(<tuple>shape) < 2 or type(shape[1]) is not int \
                or not parts.longest <= shape[1] <= LARGEST \
                or shape != (parts.count, shape[1], *(<object>parts.first).shape[1:]):
            return super().insert_into(shape, Xs)
        steps = shape[1]
        out = new_array(parts.first, parts.count, steps, 2)
        target = cnp.PyArray_BYTES(out)
        stack(target, parts, steps)
        return out

    def unpad(self, padded, lengths):
        cdef cnp.ndarray array, n
        cdef Py_ssize_t i
        cdef const int32_t* length
        if type(padded) is not cnp.ndarray or cnp.PyArray_NDIM(<cnp.ndarray>padded) < 2:
            return super().unpad(padded, lengths)
        array = <cnp.ndarray>padded
        n = as_lengths(lengths)
        if n is None or cnp.PyArray_DIM(n, 0) > cnp.PyArray_DIM(array, 0):
            return super().unpad(padded, lengths)
        length = <const int32_t*>cnp.PyArray_DATA(n)
        parts = []
        for i in range(cnp.PyArray_DIM(n, 0)):
            if length[i] < 0:
                return super().unpad(padded, lengths)
            parts.append(view(
                array, 1, min(<Py_ssize_t>length[i], cnp.PyArray_DIM(array, 1)),
                cnp.PyArray_BYTES(array) + i * cnp.PyArray_STRIDE(array, 0)
            ))
        return parts

    def list2padded(self, seqs):
        cdef Parts parts = as_parts(seqs, False)
        if parts is None:
            return super().list2padded(seqs)
        cdef Py_ssize_t n = parts.count, steps = parts.longest
        cdef cnp.ndarray size_at_t = empty1(steps, cnp.NPY_INT32), lengths = empty1(n, cnp.NPY_INT32)
        cdef cnp.ndarray indices = empty1(n, cnp.NPY_INT32), data
        cdef int32_t* order = <int32_t*>cnp.PyArray_DATA(indices)
        cdef int32_t* place = <int32_t*>malloc((steps + 1) * sizeof(int32_t))
        cdef char* target
        if place == NULL:
            raise MemoryError()
        sort_by_length(
            order, <int32_t*>cnp.PyArray_DATA(lengths), <int32_t*>cnp.PyArray_DATA(size_at_t), place, parts.items, n,
            steps
        )
        free(place)
        if n == 1:
            only = <object>parts.first
            return Padded(self.reshape(only, (steps, 1, *only.shape[1:])), size_at_t, lengths, indices)
        data = new_array(parts.first, steps, n, 2)
        target = cnp.PyArray_BYTES(data)
        with nogil:
            to_steps(target, parts.items, order, n, parts.row, steps)
        return Padded(data, size_at_t, lengths, indices)

    def padded2list(self, padded):
        found = to_rows(padded)
        return super().padded2list(padded) if found is None else split(found[0], found[1], 0)

    def _padded2rows(self, padded):
        found = to_rows(padded)
        return super()._padded2rows(padded) if found is None else found

    def _list2padded_like(self, seqs, like):
        cdef Parts parts = as_parts(seqs, False)
        cdef cnp.ndarray order = as_lengths(like.indices), lengths = as_lengths(like.lengths), data
        cdef Py_ssize_t steps = len(like.data), i
        cdef const int32_t* column
        cdef const int32_t* length
        cdef char* target
        if parts is None or order is None or lengths is None or cnp.PyArray_DIM(order, 0) != parts.count \
                or cnp.PyArray_DIM(lengths, 0) != parts.count or not are_positions(order):
            return super()._list2padded_like(seqs, like)
        column = <const int32_t*>cnp.PyArray_DATA(order)
        length = <const int32_t*>cnp.PyArray_DATA(lengths)
        for i in range(parts.count):
            if parts.items[column[i]].rows != length[i] or length[i] > steps:
                return super()._list2padded_like(seqs, like)
        data = new_array(parts.first, steps, parts.count, 2)
        target = cnp.PyArray_BYTES(data)
        with nogil:
            to_steps(target, parts.items, column, parts.count, parts.row, steps)
        return Padded(data, like.size_at_t, like.lengths, like.indices)

    def _reverse_steps(self, X, lengths):
        cdef cnp.ndarray x = as_steps(X, lengths), out
        if x is None:
            return super()._reverse_steps(X, lengths)
        cdef cnp.ndarray n = as_lengths(lengths)
        cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(n)
        cdef Py_ssize_t S = cnp.PyArray_DIM(x, 0), B = cnp.PyArray_DIM(x, 1), row = row_of_steps(x)
        out = new_steps(x, cnp.PyArray_DIM(x, 2))
        cdef char* reversed_steps = cnp.PyArray_BYTES(out)
        cdef const char* steps = cnp.PyArray_BYTES(x)
        cdef Halves halves = Halves(reversed_steps, steps, NULL, row, 0, S, B, length)
        with nogil:
            split_ranges(threads(), S, cost * B * row, 1, reverse_range, &halves)
        return out

    def _join_reversed(self, X, Y, lengths):
        cdef cnp.ndarray x = as_steps(X, lengths), y = as_steps(Y, lengths), n, out
        if x is None or y is None or cnp.PyArray_TYPE(x) != cnp.PyArray_TYPE(y) \
                or cnp.PyArray_DIM(x, 0) != cnp.PyArray_DIM(y, 0):
            return super()._join_reversed(X, Y, lengths)
        n = as_lengths(lengths)
        out = new_steps(x, cnp.PyArray_DIM(x, 2) + cnp.PyArray_DIM(y, 2))
        cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(n)
        cdef Py_ssize_t S = cnp.PyArray_DIM(x, 0), B = cnp.PyArray_DIM(x, 1)
        cdef Py_ssize_t left_row = row_of_steps(x), right_row = row_of_steps(y)
        cdef char* z = cnp.PyArray_BYTES(out)
        cdef const char* left = cnp.PyArray_BYTES(x)
        cdef const char* right = cnp.PyArray_BYTES(y)
        cdef Halves halves = Halves(z, left, right, left_row, right_row, S, B, length)
        with nogil:
            split_ranges(threads(), S, cost * B * (left_row + right_row), 1, join_steps_range, &halves)
        return out

    def _add_reversed(self, X, Y, lengths):
        cdef cnp.ndarray y = as_steps(Y, lengths), x, n, out
        if y is None or not is_plain(X) or not cnp.PyArray_SAMESHAPE(<cnp.ndarray>X, y) \
                or cnp.PyArray_TYPE(<cnp.ndarray>X) != cnp.PyArray_TYPE(y) \
                or cnp.PyArray_TYPE(y) not in (cnp.NPY_FLOAT32, cnp.NPY_FLOAT64):
            return super()._add_reversed(X, Y, lengths)
        x = <cnp.ndarray>X
        cdef Py_ssize_t stride = row_stride(x)
        if stride == 0:
            x = <cnp.ndarray>cnp.PyArray_NewCopy(x, cnp.NPY_CORDER)
            stride = cnp.PyArray_DIM(x, 2)
        n = as_lengths(lengths)
        out = new_steps(y, cnp.PyArray_DIM(y, 2))
        cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(n)
        cdef Py_ssize_t S = cnp.PyArray_DIM(y, 0), B = cnp.PyArray_DIM(y, 1), width = cnp.PyArray_DIM(y, 2)
        cdef void* z = cnp.PyArray_DATA(out)
        cdef const void* a = cnp.PyArray_DATA(x)
        cdef const void* b = cnp.PyArray_DATA(y)
        if cnp.PyArray_TYPE(y) == cnp.NPY_FLOAT32:
            with nogil:
                split_add_reversed(
                    threads(), real_kernels(active(), <const float*>a), <float*>z, <const float*>a, stride,
                    <const float*>b,
                    length, S, B, width
                )
        else:
            with nogil:
                split_add_reversed(
                    threads(), real_kernels(active(), <const double*>a), <double*>z, <const double*>a, stride,
                    <const double*>b,
                    length, S, B, width
                )
        return out

    def _split_reversed(self, Z, width, lengths):
        cdef cnp.ndarray z = as_steps(Z, lengths), right, n
        if z is None or not 0 <= width <= cnp.PyArray_DIM(z, 2):
            return super()._split_reversed(Z, width, lengths)
        n = as_lengths(lengths)
        right = new_steps(z, cnp.PyArray_DIM(z, 2) - width)
        cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(n)
        cdef Py_ssize_t S = cnp.PyArray_DIM(z, 0), B = cnp.PyArray_DIM(z, 1)
        cdef Py_ssize_t right_row = row_of_steps(right), left_row = row_of_steps(z) - right_row
        cdef char* y = cnp.PyArray_BYTES(right)
        cdef const char* joined = cnp.PyArray_BYTES(z)
        cdef Halves halves = Halves(y, joined, NULL, left_row, right_row, S, B, length)
        with nogil:
            split_ranges(threads(), S, cost * B * right_row, 1, split_steps_range, &halves)
        return Z[..., :width], right


cdef Py_ssize_t row_of_steps(cnp.ndarray X) noexcept:
    # bytes of a row of X (S, B, width)
    return cnp.PyArray_DIM(X, 2) * cnp.PyArray_ITEMSIZE(X)
