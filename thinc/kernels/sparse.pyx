"""Sparse linear models: hashed features, their scores and the gradient of the weights."""
cimport numpy as cnp
from libc.stdint cimport int32_t, uint32_t, uint64_t

from ._dispatch cimport active
from ._threads cimport split_ranges, threads

cnp.import_array()

ctypedef fused real:
    float
    double


# For many examples, classes far apart are done one after the other: the weights of one fit in the cache, those of all
# do not. With a stride of 1, the weights of a feature lie side by side for all classes, and examples come first.
cdef enum:
    MANY = 16384  # features

cdef real score_one(
    const real* w, real bias, const uint32_t* slots, const real* values, size_t size
) noexcept nogil:
    cdef real even = bias, odd = 0  # two sums, which do not wait for each other
    cdef size_t _
    for _ in range(size // 2):
        even += values[0] * (w[slots[0]] + w[slots[1]])
        odd += values[1] * (w[slots[2]] + w[slots[3]])
        slots += 4
        values += 2
    if size % 2:
        even += values[0] * (w[slots[0]] + w[slots[1]])
    return even + odd


cdef void score_two(
    real* y, const real* w, const real* v, const real* bias, const uint32_t* slots, const real* values, size_t size
) noexcept nogil:
    cdef real one = bias[0], two = bias[1]
    cdef size_t i
    for i in range(size):
        one += values[i] * (w[slots[2 * i]] + w[slots[2 * i + 1]])
        two += values[i] * (v[slots[2 * i]] + v[slots[2 * i + 1]])
    y[0], y[1] = one, two


cdef void run_score(
    real* y, const real* w, const real* bias, const uint32_t* slots, const real* values, const int32_t* lengths,
    size_t B, size_t nO, size_t stride, size_t n_features
) noexcept nogil:
    cdef size_t e, c, start
    if stride > 1 and n_features >= MANY:
        for c in range(nO):
            start = 0
            for e in range(B):
                y[e * nO + c] = score_one(w + c * stride, bias[c], slots + 2 * start, values + start, lengths[e])
                start += lengths[e]
        return
    for e in range(B):
        for c in range(0, nO - nO % 2, 2):
            score_two(
                y + c, w + c * stride, w + (c + 1) * stride, bias + c, slots, values, lengths[e]
            )
        if nO % 2:
            c = nO - 1
            y[c] = score_one(w + c * stride, bias[c], slots, values, lengths[e])
        y += nO
        slots += 2 * lengths[e]
        values += lengths[e]


cdef void add_one(real* dw, real d, const uint32_t* slots, const real* values, size_t size) noexcept nogil:
    cdef size_t i
    for i in range(size):
        dw[slots[2 * i]] += d * values[i]
        dw[slots[2 * i + 1]] += d * values[i]


cdef void run_add(
    real* dw, const real* dy, const uint32_t* slots, const real* values, const int32_t* lengths,
    size_t B, size_t nO, size_t stride, size_t n_features, size_t first, size_t last
) noexcept nogil:
    # of the classes from first to last
    cdef size_t e, c, start
    if stride == 1 or n_features < MANY:
        for e in range(B):
            for c in range(first, last):
                add_one(dw + c * stride, dy[e * nO + c], slots, values, lengths[e])
            slots += 2 * lengths[e]
            values += lengths[e]
        return
    for c in range(first, last):
        start = 0
        for e in range(B):
            add_one(dw + c * stride, dy[e * nO + c], slots + 2 * start, values + start, lengths[e])
            start += lengths[e]


# --- over the threads of the pool

# Nanoseconds for a feature and a class: its two weights may be anywhere.
cdef double cost = 3


cdef struct Batch:
    # scores or their gradient (B, nO), and the weights or theirs
    void* y
    void* w
    const void* bias
    const uint32_t* slots
    const void* values
    const int32_t* lengths
    size_t B, nO, stride, n_features
    bint single


cdef void score_range(void* context, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # examples
    cdef const Batch* b = <const Batch*>context
    cdef size_t start = 0, n = last - first
    cdef Py_ssize_t e
    for e in range(first):
        start += b.lengths[e]
    if b.single:
        run_score[float](
            <float*>b.y + first * b.nO, <const float*>b.w, <const float*>b.bias, b.slots + 2 * start,
            <const float*>b.values + start, b.lengths + first, n, b.nO, b.stride, b.n_features
        )
    else:
        run_score[double](
            <double*>b.y + first * b.nO, <const double*>b.w, <const double*>b.bias, b.slots + 2 * start,
            <const double*>b.values + start, b.lengths + first, n, b.nO, b.stride, b.n_features
        )


cdef void add_range(void* context, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # classes
    cdef const Batch* b = <const Batch*>context
    if b.single:
        run_add[float](
            <float*>b.w, <const float*>b.y, b.slots, <const float*>b.values, b.lengths, b.B, b.nO, b.stride,
            b.n_features, first, last
        )
    else:
        run_add[double](
            <double*>b.w, <const double*>b.y, b.slots, <const double*>b.values, b.lengths, b.B, b.nO, b.stride,
            b.n_features, first, last
        )


def hash_slots(cnp.ndarray keys not None, uint32_t length, bint mask):
    """The two positions of each feature within the weights of a class.

    Parameters
    ----------
    keys : contiguous uint64 array (N,)
    length : int
        Number of weights of a class, at least 1.
    mask : bool
        Take the lowest bits of the hash, ``hash & (length - 1)``, instead of the remainder.

    Returns
    -------
    uint32 array (N, 2)
    """
    if length < 1:
        raise ValueError("hash_slots: length must be at least 1, but got 0")
    cdef const uint64_t* k = <const uint64_t*>cnp.PyArray_DATA(as_vector(keys, cnp.NPY_UINT64))
    cdef cnp.npy_intp dims[2]
    dims[0], dims[1] = cnp.PyArray_DIM(keys, 0), 2
    cdef cnp.ndarray out = <cnp.ndarray>cnp.PyArray_EMPTY(2, dims, cnp.NPY_UINT32, 0)
    cdef uint32_t* y = <uint32_t*>cnp.PyArray_DATA(out)
    cdef size_t n = dims[0]
    mask = mask or length & (length - 1) == 0  # then it is the same
    with nogil:
        active().hashing.hash_slots(y, k, length, mask, n)
    return out


def score(
    cnp.ndarray W not None,
    cnp.ndarray b not None,
    cnp.ndarray slots not None,
    cnp.ndarray values not None,
    cnp.ndarray lengths not None,
    size_t stride,
):
    """Scores ``b + sum of value * (W[slot 1] + W[slot 2])`` of each example, for each class.

    Parameters
    ----------
    W, b : contiguous arrays of one type, float32 or float64
        Weights of all classes, those of class c from ``c * stride`` on, and biases (nO,).
    slots : uint32 array (N, 2), from `hash_slots`
    values : array (N,), of the type of W
    lengths : int32 array (B,), summing up to N

    Returns
    -------
    array (B, nO)
    """
    cdef size_t nO = cnp.PyArray_DIM(b, 0)
    cdef cnp.npy_intp dims[2]
    dims[0], dims[1] = cnp.PyArray_DIM(lengths, 0), nO
    check_batch(W, slots, values, lengths, nO, stride)
    as_vector(b, cnp.PyArray_TYPE(W))
    cdef cnp.ndarray out = <cnp.ndarray>cnp.PyArray_EMPTY(2, dims, cnp.PyArray_TYPE(W), 0)
    cdef Batch batch = Batch(
        cnp.PyArray_DATA(out), cnp.PyArray_DATA(W), cnp.PyArray_DATA(b), <const uint32_t*>cnp.PyArray_DATA(slots),
        cnp.PyArray_DATA(values), <const int32_t*>cnp.PyArray_DATA(lengths), dims[0], nO, stride,
        cnp.PyArray_DIM(values, 0), cnp.PyArray_TYPE(W) == cnp.NPY_FLOAT32
    )
    with nogil:
        split_ranges(threads(), batch.B, cost * nO * batch.n_features / max(batch.B, 1), 1, score_range, &batch)
    return out


def add_gradient(
    cnp.ndarray dW not None,
    cnp.ndarray dY not None,
    cnp.ndarray slots not None,
    cnp.ndarray values not None,
    cnp.ndarray lengths not None,
    size_t stride,
):
    """Add ``dY * value`` to ``dW``, in place, at both slots of each feature; arrays as in `score`, dY (B, nO)."""
    if cnp.PyArray_NDIM(dY) != 2 or not cnp.PyArray_ISCARRAY_RO(dY) or cnp.PyArray_TYPE(dY) != cnp.PyArray_TYPE(dW) \
            or cnp.PyArray_DIM(dY, 0) != cnp.PyArray_DIM(lengths, 0):
        raise ValueError(
            f"add_gradient: dY must be a contiguous array with {cnp.PyArray_DIM(lengths, 0)} rows, "
            f"but got {dY.dtype} of shape {(<object>dY).shape}"
        )
    if not cnp.PyArray_ISWRITEABLE(dW):
        raise ValueError("add_gradient: dW is read-only")
    cdef size_t highest = check_batch(dW, slots, values, lengths, cnp.PyArray_DIM(dY, 1), stride)
    cdef Batch batch = Batch(
        cnp.PyArray_DATA(dY), cnp.PyArray_DATA(dW), NULL, <const uint32_t*>cnp.PyArray_DATA(slots),
        cnp.PyArray_DATA(values), <const int32_t*>cnp.PyArray_DATA(lengths), cnp.PyArray_DIM(dY, 0),
        cnp.PyArray_DIM(dY, 1), stride, cnp.PyArray_DIM(values, 0), cnp.PyArray_TYPE(dW) == cnp.NPY_FLOAT32
    )
    with nogil:
        if highest >= stride:  # the weights of classes lie among each other
            add_range(&batch, 0, batch.nO)
        else:
            split_ranges(threads(), batch.nO, cost * batch.n_features, 1, add_range, &batch)


cdef cnp.ndarray as_vector(cnp.ndarray array, int kind):
    # the array itself, if a pointer to its data is all that a loop needs
    if cnp.PyArray_NDIM(array) != 1 or cnp.PyArray_TYPE(array) != kind or not cnp.PyArray_ISCARRAY_RO(array):
        raise ValueError(f"Expected a contiguous vector, but got {array.dtype} of shape {(<object>array).shape}")
    return array


cpdef bint fit(cnp.ndarray lengths, Py_ssize_t n_features) except -1:
    """Whether int32 lengths (B,) are at least 0 and sum up to the number of features."""
    cdef const int32_t* n = <const int32_t*>cnp.PyArray_DATA(as_vector(lengths, cnp.NPY_INT32))
    cdef cnp.npy_intp total = 0, i
    cdef bint negative = False
    for i in range(cnp.PyArray_DIM(lengths, 0)):
        negative |= n[i] < 0
        total += n[i]
    return not negative and total == n_features


def ready(W, b, inputs):
    """Whether weights, biases and (keys, values, lengths) are just what the other functions take, and fit together."""
    if type(inputs) is not tuple or len(inputs) != 3:
        return False
    keys, values, lengths = inputs
    return (
        is_vector(W, cnp.NPY_FLOAT32) and is_vector(b, cnp.NPY_FLOAT32) and is_vector(keys, cnp.NPY_UINT64)
        and is_vector(values, cnp.NPY_FLOAT32) and is_vector(lengths, cnp.NPY_INT32)
        and cnp.PyArray_DIM(<cnp.ndarray>keys, 0) == cnp.PyArray_DIM(<cnp.ndarray>values, 0)
        and fit(<cnp.ndarray>lengths, cnp.PyArray_DIM(<cnp.ndarray>keys, 0))
    )


cdef bint is_vector(object array, int kind):
    return (
        type(array) is cnp.ndarray and cnp.PyArray_TYPE(<cnp.ndarray>array) == kind
        and cnp.PyArray_NDIM(<cnp.ndarray>array) == 1 and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array)
    )


cdef Py_ssize_t check_batch(
    cnp.ndarray W, cnp.ndarray slots, cnp.ndarray values, cnp.ndarray lengths, size_t nO, size_t stride
) except -1:
    # The highest slot. ValueError unless every position that the loops use is inside of its array
    cdef int kind = cnp.PyArray_TYPE(W)
    if kind != cnp.NPY_FLOAT32 and kind != cnp.NPY_FLOAT64:
        raise ValueError(f"The weights must be float32 or float64, but got {W.dtype}")
    as_vector(W, kind)
    as_vector(values, kind)
    as_vector(lengths, cnp.NPY_INT32)
    if cnp.PyArray_NDIM(slots) != 2 or cnp.PyArray_TYPE(slots) != cnp.NPY_UINT32 \
            or not cnp.PyArray_ISCARRAY_RO(slots) or cnp.PyArray_DIM(slots, 1) != 2 \
            or cnp.PyArray_DIM(slots, 0) != cnp.PyArray_DIM(values, 0):
        raise ValueError(f"The slots must be a uint32 array (N, 2), but got shape {(<object>slots).shape}")
    cdef const uint32_t* s = <const uint32_t*>cnp.PyArray_DATA(slots)
    cdef cnp.npy_intp total = cnp.PyArray_DIM(values, 0)
    cdef uint32_t highest
    if not fit(lengths, total):
        raise ValueError("The lengths must be at least 0 and sum up to the number of features")
    highest = active().hashing.highest(s, 2 * total)
    if nO and total and (nO - 1) * stride + highest >= <size_t>cnp.PyArray_DIM(W, 0):
        raise ValueError(
            f"There are {cnp.PyArray_DIM(W, 0)} weights, too few for {nO} classes and slots up to {highest}"
        )
    return highest
