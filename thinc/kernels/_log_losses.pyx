# cython: boundscheck=True
"""Losses with logarithms, of single numbers and of pairs: gradient and scalar over NumPy arrays in one pass.

Arrays are float32 or float64, all of one type, contiguous or not; gradients come C-contiguous. Every function
multiplies gradient and loss by `scale`.
"""
cimport numpy as cnp
from libc.stdint cimport int64_t

from ._arrays cimport contiguous, empty_like
from ._dispatch cimport BinaryLoss, LabelledRows, SoftRows, active, real_kernels
from ._split_losses cimport (
    split_binary,
    split_huber,
    split_log_loss_labels,
    split_log_loss_soft,
    split_margin_ranking,
)
from ._threads cimport threads

cnp.import_array()


cdef inline size_t n_columns(cnp.ndarray X) noexcept:
    return cnp.PyArray_DIM(X, cnp.PyArray_NDIM(X) - 1)


cdef const void* data_or_null(object array, cnp.ndarray like, Py_ssize_t size) except? NULL:
    """Of a contiguous vector of this size and the type of `like`, or of None."""
    cdef cnp.ndarray X
    if array is None:
        return NULL
    X = array
    if cnp.PyArray_TYPE(X) != cnp.PyArray_TYPE(like) or not cnp.PyArray_ISCARRAY_RO(X) \
            or cnp.PyArray_SIZE(X) != size:
        raise ValueError(f"Expected {size} contiguous weights of {like.dtype}, got {array.shape} of {array.dtype}")
    return cnp.PyArray_DATA(X)


cdef int check_like(cnp.ndarray X, cnp.ndarray Y, Py_ssize_t size) except -1:
    if cnp.PyArray_TYPE(X) != cnp.PyArray_TYPE(Y) or cnp.PyArray_SIZE(Y) != size:
        raise ValueError(f"Expected truths of {X.dtype}, {size} numbers, got {(<object>Y).shape} of {Y.dtype}")
    return 0


def labels_log_loss(
    cnp.ndarray guesses not None, cnp.ndarray codes not None, double gold, double other, weights, bint from_logits,
    double scale
):
    """Cross-entropy against labels, one code per row as `thinc.kernels.losses` makes them.

    Parameters
    ----------
    guesses : numpy.ndarray, shape ``(..., n_classes)``
        Probabilities, or with `from_logits` what goes into the softmax.
    codes : numpy.ndarray of int64, contiguous
    gold, other : float
        Target of the labelled class and of every other one.
    weights : numpy.ndarray, shape ``(n_classes,)``, or None
        What a row counts, by its class; `other` must be 0 then.

    Returns
    -------
    gradient : numpy.ndarray
    loss : float
    flags : int
        1 if a probability lies outside ``[0, 1]``, else 0.
    """
    cdef cnp.ndarray X = contiguous(guesses), D = empty_like(X)
    cdef const void* w = data_or_null(weights, X, n_columns(X))
    cdef LabelledRows item
    cdef bint single = cnp.PyArray_TYPE(X) == cnp.NPY_FLOAT32
    cdef double loss = 0
    cdef int flags
    if cnp.PyArray_TYPE(codes) != cnp.NPY_INT64 or not cnp.PyArray_IS_C_CONTIGUOUS(codes) \
            or cnp.PyArray_SIZE(codes) * <Py_ssize_t>n_columns(X) != cnp.PyArray_SIZE(X):
        raise ValueError(f"Expected one int64 code per row of guesses {(<object>X).shape}")
    if w != NULL and other != 0:
        raise ValueError("Smoothed labels with weights make a distribution: use soft_log_loss")
    item = LabelledRows(
        cnp.PyArray_DATA(D), cnp.PyArray_DATA(X), <const int64_t*>cnp.PyArray_DATA(codes),
        cnp.PyArray_SIZE(codes), n_columns(X), gold, other
    )
    with nogil:
        if single:
            flags = split_log_loss_labels(
                threads(), real_kernels(active(), <const float*>NULL), &item, <const float*>w, from_logits, scale,
                &loss
            )
        else:
            flags = split_log_loss_labels(
                threads(), real_kernels(active(), <const double*>NULL), &item, <const double*>w, from_logits, scale,
                &loss
            )
    return D, loss, flags


def soft_log_loss(
    cnp.ndarray guesses not None, cnp.ndarray truths not None, keep, weights, bint from_logits, bint relative,
    double scale
):
    """Cross-entropy against one distribution per row, or with `relative` the divergence from it.

    Parameters
    ----------
    guesses, truths : numpy.ndarray, of the same shape ``(..., n_classes)`` and dtype
    keep : numpy.ndarray of bool, one per row, contiguous, or None
        Rows that are not kept get a zero gradient.
    weights : numpy.ndarray, shape ``(n_classes,)``, or None

    Returns
    -------
    gradient : numpy.ndarray
    loss : float
    flags : int
        Bit 0: a probability lies outside ``[0, 1]``; bit 1: a truth does.
    """
    cdef cnp.ndarray X = contiguous(guesses), Y = contiguous(truths), D = empty_like(X), mask
    cdef size_t classes = n_columns(X)
    cdef size_t rows = cnp.PyArray_SIZE(X) // classes if classes else 0
    cdef SoftRows item
    cdef bint single = cnp.PyArray_TYPE(X) == cnp.NPY_FLOAT32
    cdef double loss = 0
    cdef int flags
    check_like(X, Y, cnp.PyArray_SIZE(X))
    item = SoftRows(
        cnp.PyArray_DATA(D), cnp.PyArray_DATA(X), cnp.PyArray_DATA(Y), data_or_null(weights, X, classes), NULL, rows,
        classes, relative
    )
    if keep is not None:
        mask = keep
        if cnp.PyArray_TYPE(mask) != cnp.NPY_BOOL or not cnp.PyArray_IS_C_CONTIGUOUS(mask) \
                or <size_t>cnp.PyArray_SIZE(mask) != rows:
            raise ValueError(f"Expected {rows} contiguous bools, one per row, got {keep.shape} of {keep.dtype}")
        item.keep = <const unsigned char*>cnp.PyArray_DATA(mask)
    with nogil:
        if single:
            flags = split_log_loss_soft(
                threads(), real_kernels(active(), <const float*>NULL), &item, from_logits, scale, &loss
            )
        else:
            flags = split_log_loss_soft(
                threads(), real_kernels(active(), <const double*>NULL), &item, from_logits, scale, &loss
            )
    return D, loss, flags


def binary_loss(
    cnp.ndarray guesses not None, cnp.ndarray truths not None, weights, double positive, double negative,
    double focus, double missing, bint from_logits, double scale
):
    """Binary cross-entropy of each element, with `focus` the focal loss.

    Parameters
    ----------
    guesses, truths : numpy.ndarray, of the same shape and dtype
    weights : numpy.ndarray, as many as the last dimension of the guesses, or None
        Multiply `positive`, by column.
    positive, negative : float
        Weights of what is and of what is not.
    missing : float
        The truth that stands for "unknown"; NaN if there is none.

    Returns
    -------
    gradient : numpy.ndarray
        With respect to the guesses.
    loss : float
    flags : int
        Bit 0: a probability lies outside ``[0, 1]``; bit 1: a truth does.
    """
    cdef cnp.ndarray X = contiguous(guesses), Y = contiguous(truths), D = empty_like(X)
    cdef size_t size = cnp.PyArray_SIZE(X)
    cdef size_t columns = n_columns(X) if cnp.PyArray_NDIM(X) > 1 else 1
    cdef size_t rows = size // columns if columns else 0
    cdef const void* w = data_or_null(weights, X, columns)
    cdef BinaryLoss settings = BinaryLoss(positive, negative, focus, missing, from_logits)
    cdef void* d = cnp.PyArray_DATA(D)
    cdef const void* x = cnp.PyArray_DATA(X)
    cdef const void* y = cnp.PyArray_DATA(Y)
    cdef bint single = cnp.PyArray_TYPE(X) == cnp.NPY_FLOAT32
    cdef double loss = 0
    cdef int flags
    check_like(X, Y, size)
    with nogil:
        if single:
            flags = split_binary(
                threads(), real_kernels(active(), <const float*>x), <float*>d, <const float*>x, <const float*>y,
                <const float*>w, rows, columns, &settings, scale, &loss
            )
        else:
            flags = split_binary(
                threads(), real_kernels(active(), <const double*>x), <double*>d, <const double*>x, <const double*>y,
                <const double*>w, rows, columns, &settings, scale, &loss
            )
    return D, loss, flags


def huber_loss(cnp.ndarray guesses not None, cnp.ndarray truths not None, double delta, double scale):
    """Difference limited to `delta`, for arrays of one shape and dtype; gradient and loss."""
    cdef cnp.ndarray X = contiguous(guesses), Y = contiguous(truths), D = empty_like(X)
    cdef size_t n = cnp.PyArray_SIZE(X)
    cdef void* d = cnp.PyArray_DATA(D)
    cdef const void* x = cnp.PyArray_DATA(X)
    cdef const void* y = cnp.PyArray_DATA(Y)
    cdef bint single = cnp.PyArray_TYPE(X) == cnp.NPY_FLOAT32
    cdef double loss
    check_like(X, Y, n)
    with nogil:
        if single:
            loss = split_huber(
                threads(), real_kernels(active(), <const float*>x), <float*>d, <const float*>x, <const float*>y, n,
                delta, scale
            )
        else:
            loss = split_huber(
                threads(), real_kernels(active(), <const double*>x), <double*>d, <const double*>x, <const double*>y,
                n, delta, scale
            )
    return D, loss


def margin_ranking(cnp.ndarray guesses not None, cnp.ndarray truths not None, double margin, double scale):
    """Pairs of scores, shape ``(n, 2)``, against truths, shape ``(n,)``, that are 1, -1 or 0.

    Returns
    -------
    gradient : numpy.ndarray, like guesses
    loss : float
    flags : int
        2 if a truth is another number, else 0.
    """
    cdef cnp.ndarray X = contiguous(guesses), Y = contiguous(truths), D = empty_like(X)
    cdef size_t n = cnp.PyArray_SIZE(X) // 2
    cdef void* d = cnp.PyArray_DATA(D)
    cdef const void* x = cnp.PyArray_DATA(X)
    cdef const void* y = cnp.PyArray_DATA(Y)
    cdef bint single = cnp.PyArray_TYPE(X) == cnp.NPY_FLOAT32
    cdef double loss = 0
    cdef int flags
    check_like(X, Y, n)
    with nogil:
        if single:
            flags = split_margin_ranking(
                threads(), real_kernels(active(), <const float*>x), <float*>d, <const float*>x, <const float*>y, n,
                margin, scale, &loss
            )
        else:
            flags = split_margin_ranking(
                threads(), real_kernels(active(), <const double*>x), <double*>d, <const double*>x, <const double*>y,
                n, margin, scale, &loss
            )
    return D, loss, flags
