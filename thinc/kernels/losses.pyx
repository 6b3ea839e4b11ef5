# cython: boundscheck=True
"""Losses: nogil functions over pointers, and gradients with their scalars over NumPy arrays."""
cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t

from ._arrays cimport contiguous
from ._memory cimport empty
from ._dispatch cimport LabelledRows, active, real_kernels
from ._split_training cimport (
    split_cosine,
    split_cross_entropy_labels,
    split_cross_entropy_soft,
    split_squared_error,
)
from ._threads cimport threads

cnp.import_array()


# --- over pointers

cdef int cross_entropy_labels(
    real* gradient, const real* guesses, const int64_t* codes, size_t rows, size_t classes, double gold,
    double other, double scale, double* loss
) noexcept nogil:
    cdef LabelledRows item = LabelledRows(gradient, guesses, codes, rows, classes, gold, other)
    return split_cross_entropy_labels(threads(), real_kernels(active(), guesses), &item, 1, scale, loss)


cdef int cross_entropy_soft(
    real* gradient, const real* guesses, const real* truths, const unsigned char* keep, size_t rows,
    size_t classes, double scale, double* loss
) noexcept nogil:
    return split_cross_entropy_soft(
        threads(), real_kernels(active(), guesses), gradient, guesses, truths, keep, rows, classes, scale, loss
    )


cdef double squared_error(
    real* gradient, const real* guesses, const real* truths, size_t n, double scale
) noexcept nogil:
    return split_squared_error(threads(), real_kernels(active(), guesses), gradient, guesses, truths, n, scale)


cdef double cosine(
    real* gradient, real* similarity, const real* guesses, const real* truths, size_t rows, size_t width,
    double scale, bint ignore_zeros
) noexcept nogil:
    return split_cosine(
        threads(), real_kernels(active(), guesses), gradient, similarity, guesses, truths, rows, width, scale,
        ignore_zeros
    )


# --- labels as codes: class >= 0, -1 missing, -2 - c not class c

def encode_array(cnp.ndarray labels not None, Py_ssize_t n_classes, missing_value):
    """Codes of an array of class labels.

    Parameters
    ----------
    labels : numpy.ndarray of integers
    n_classes : int
    missing_value : int or None
        The label that stands for "unknown"; it need not be a class.

    Returns
    -------
    numpy.ndarray of int64, C-contiguous, of the same shape

    Raises
    ------
    IndexError
        If a label is no class.
    """
    cdef cnp.ndarray codes = cnp.PyArray_Cast(labels, cnp.NPY_INT64)
    cdef int64_t* code = <int64_t*>cnp.PyArray_DATA(codes)
    cdef bint has_missing = missing_value is not None
    cdef int64_t missing = missing_value if has_missing else 0
    cdef Py_ssize_t i, n = cnp.PyArray_SIZE(codes), bad = -1
    for i in range(n):
        if has_missing and code[i] == missing:
            code[i] = -1
        elif code[i] < 0 or code[i] >= n_classes:
            bad = i
            break
    if bad >= 0:
        raise no_such_class(code[bad], bad, n_classes)
    return codes


def encode_ints(labels, Py_ssize_t n_classes, missing_value):
    """Codes of a sequence of class labels: as `encode_array`; what is no integer raises TypeError."""
    cdef cnp.npy_intp n = len(labels)
    cdef cnp.ndarray codes = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT64, 0)
    cdef int64_t* code = <int64_t*>cnp.PyArray_DATA(codes)
    cdef bint has_missing = missing_value is not None
    cdef int64_t missing = missing_value if has_missing else 0
    cdef Py_ssize_t i = 0
    for label in labels:
        if i == n:
            break
        try:
            code[i] = label
        except TypeError:
            raise TypeError(
                f"Cannot read the label {label!r} (position {i}): the first one is an integer, so all must be"
            ) from None
        except OverflowError:
            raise no_such_class(label, i, n_classes) from None
        if has_missing and code[i] == missing:
            code[i] = -1
        elif code[i] < 0 or code[i] >= n_classes:
            raise no_such_class(code[i], i, n_classes)
        i += 1
    if i != n:
        raise changed_while_read()
    return codes


def encode_names(labels, Py_ssize_t n_classes, missing_value, dict name_to_i not None, str neg_prefix):
    """Codes of a sequence of class names.

    Parameters
    ----------
    labels : sequence of str or None
    missing_value : object
        Labels equal to it are missing.
    name_to_i : dict of str to int
    neg_prefix : str or None
        A label that starts with it says which class it is not.

    Returns
    -------
    numpy.ndarray of int64, shape ``(len(labels),)``

    Raises
    ------
    KeyError
        If a name is unknown.
    IndexError
        If its class is not below `n_classes`.
    """
    cdef cnp.npy_intp n = len(labels)
    cdef cnp.ndarray codes = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT64, 0)
    cdef int64_t* code = <int64_t*>cnp.PyArray_DATA(codes)
    cdef Py_ssize_t i = 0
    cdef bint negated
    cdef int64_t found
    for label in labels:
        if i == n:
            break
        if label == missing_value:
            code[i] = -1
            i += 1
            continue
        negated = bool(neg_prefix) and isinstance(label, str) and (<str>label).startswith(neg_prefix)
        name = label[len(neg_prefix):] if negated else label
        if name not in name_to_i:
            raise KeyError(
                f"Unknown label {label!r} (position {i}): expected one of the {len(name_to_i)} names, or the "
                f"missing value {missing_value!r}"
            )
        found = name_to_i[name]
        if found >= n_classes:
            raise no_such_class(found, i, n_classes)
        code[i] = -2 - found if negated else found
        i += 1
    if i != n:
        raise changed_while_read()
    return codes


cdef object changed_while_read():
    return ValueError("The sequence of labels gave fewer labels than its length says")


cdef object no_such_class(label, position, n_classes):
    return IndexError(
        f"Label {label} (position {position}) is no class: the guesses have {n_classes} columns, so labels "
        f"go from 0 to {n_classes - 1}"
    )


# --- over arrays: contiguous or not, float32 or float64; what they give is C-contiguous

cdef inline cnp.ndarray new_like(cnp.ndarray X):
    return empty(cnp.PyArray_NDIM(X), cnp.PyArray_DIMS(X), cnp.PyArray_TYPE(X))


cdef inline size_t n_columns(cnp.ndarray X) noexcept:
    return cnp.PyArray_DIM(X, cnp.PyArray_NDIM(X) - 1)


def labels_gradient(list guesses not None, list codes not None, list targets not None, double scale):
    """Cross-entropy against labels, over several batches of rows in one call of the kernel.

    Parameters
    ----------
    guesses : list of numpy.ndarray, shapes ``(..., n_classes)``, all float32 or all float64
    codes : list of numpy.ndarray of int64, contiguous, one code per row
        As the ``encode_`` functions make them for that number of classes.
    targets : list of (float, float)
        Target of the labelled class and of every other one.
    scale : float
        Factor of all gradients.

    Returns
    -------
    gradients : list of numpy.ndarray
    loss : float
        Sum of the squares of all gradients.
    flags : int
        1 if a guess lies outside ``[0, 1]``, else 0.
    """
    cdef Py_ssize_t i, n = len(guesses)
    cdef LabelledRows* items = <LabelledRows*>PyMem_Malloc(max(n, 1) * sizeof(LabelledRows))
    cdef list gradients = [], alive = []
    cdef cnp.ndarray X, code
    cdef bint single = True
    cdef double loss = 0
    cdef int flags
    if items == NULL:
        raise MemoryError()
    try:
        for i in range(n):
            X = contiguous(guesses[i])
            code = codes[i]
            if cnp.PyArray_TYPE(code) != cnp.NPY_INT64 or not cnp.PyArray_IS_C_CONTIGUOUS(code) \
                    or cnp.PyArray_SIZE(code) * <Py_ssize_t>n_columns(X) != cnp.PyArray_SIZE(X):
                raise ValueError(f"Expected one int64 code per row of guesses {(<object>X).shape}")
            alive.append(X)
            gradients.append(new_like(X))
            single = cnp.PyArray_TYPE(X) == cnp.NPY_FLOAT32
            items[i] = LabelledRows(
                cnp.PyArray_DATA(gradients[i]), cnp.PyArray_DATA(X), <const int64_t*>cnp.PyArray_DATA(code),
                cnp.PyArray_SIZE(code), n_columns(X), targets[i][0], targets[i][1]
            )
        with nogil:
            if single:
                flags = split_cross_entropy_labels(
                    threads(), real_kernels(active(), <const float*>NULL), items, n, scale, &loss
                )
            else:
                flags = split_cross_entropy_labels(
                    threads(), real_kernels(active(), <const double*>NULL), items, n, scale, &loss
                )
    finally:
        PyMem_Free(items)
    return gradients, loss, flags


def soft_gradient(cnp.ndarray guesses not None, cnp.ndarray truths not None, keep, double scale):
    """Cross-entropy against one distribution per row.

    Parameters
    ----------
    guesses, truths : numpy.ndarray, of the same shape ``(..., n_classes)`` and dtype
    keep : numpy.ndarray of bool, one per row, contiguous, or None
        Rows that are not kept get a zero gradient.
    scale : float

    Returns
    -------
    gradient : numpy.ndarray
    loss : float
    flags : int
        Bit 0: a guess lies outside ``[0, 1]``; bit 1: a truth does.
    """
    cdef cnp.ndarray X = contiguous(guesses), Y = contiguous(truths), D = new_like(X)
    cdef size_t classes = n_columns(X)
    cdef size_t rows = cnp.PyArray_SIZE(X) // classes if classes else 0
    cdef const unsigned char* mask = NULL
    if keep is not None:
        mask = <const unsigned char*>cnp.PyArray_DATA(keep)
    cdef void* d = cnp.PyArray_DATA(D)
    cdef const void* x = cnp.PyArray_DATA(X)
    cdef const void* y = cnp.PyArray_DATA(Y)
    cdef bint single = cnp.PyArray_TYPE(X) == cnp.NPY_FLOAT32
    cdef double loss = 0
    cdef int flags
    with nogil:
        if single:
            flags = cross_entropy_soft[float](
                <float*>d, <const float*>x, <const float*>y, mask, rows, classes, scale, &loss
            )
        else:
            flags = cross_entropy_soft[double](
                <double*>d, <const double*>x, <const double*>y, mask, rows, classes, scale, &loss
            )
    return D, loss, flags


def squared_error_gradient(cnp.ndarray guesses not None, cnp.ndarray truths not None, double scale):
    """``(guesses - truths) * scale`` and the sum of its squares, for arrays of one shape and dtype."""
    cdef cnp.ndarray X = contiguous(guesses), Y = contiguous(truths), D = new_like(X)
    cdef size_t n = cnp.PyArray_SIZE(X)
    cdef void* d = cnp.PyArray_DATA(D)
    cdef const void* x = cnp.PyArray_DATA(X)
    cdef const void* y = cnp.PyArray_DATA(Y)
    cdef bint single = cnp.PyArray_TYPE(X) == cnp.NPY_FLOAT32
    cdef double loss
    with nogil:
        if single:
            loss = squared_error[float](<float*>d, <const float*>x, <const float*>y, n, scale)
        else:
            loss = squared_error[double](<double*>d, <const double*>x, <const double*>y, n, scale)
    return D, loss


def cosine_gradient(
    cnp.ndarray guesses not None, cnp.ndarray truths not None, double scale, bint ignore_zeros
):
    """Cosine distance of the rows of two 2-d arrays of one shape and dtype.

    Returns
    -------
    gradient : numpy.ndarray, like guesses
    similarity : numpy.ndarray, shape ``(rows, 1)``
    loss : float
    """
    cdef cnp.ndarray X = contiguous(guesses), Y = contiguous(truths), D = new_like(X)
    cdef cnp.npy_intp shape[2]
    shape[0], shape[1] = cnp.PyArray_DIM(X, 0), 1
    cdef cnp.ndarray C = cnp.PyArray_EMPTY(2, shape, cnp.PyArray_TYPE(X), 0)
    cdef size_t rows = shape[0], width = n_columns(X)
    cdef void* d = cnp.PyArray_DATA(D)
    cdef void* c = cnp.PyArray_DATA(C)
    cdef const void* x = cnp.PyArray_DATA(X)
    cdef const void* y = cnp.PyArray_DATA(Y)
    cdef bint single = cnp.PyArray_TYPE(X) == cnp.NPY_FLOAT32
    cdef double loss
    with nogil:
        if single:
            loss = cosine[float](
                <float*>d, <float*>c, <const float*>x, <const float*>y, rows, width, scale, ignore_zeros
            )
        else:
            loss = cosine[double](
                <double*>d, <double*>c, <const double*>x, <const double*>y, rows, width, scale, ignore_zeros
            )
    return D, C, loss
