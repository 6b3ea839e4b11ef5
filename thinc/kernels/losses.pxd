# Losses for Cython extensions: gradient and scalar together, without the GIL. Arrays are contiguous; the
# gradient may not overlap the others. Rows whose guesses or truths lie outside [0, 1] are computed all the
# same; the value returned says so: bit 0 guesses, bit 1 truths.
from libc.stdint cimport int64_t

ctypedef fused real:
    float
    double

# gradient = (guesses - target) * scale; *loss = sum of its squares. codes[row] >= 0 is the class whose target
# is `gold`, where every other has `other`; -1 is a missing label (zero gradient); -2 - c says "not class c":
# target 0 in that column, no gradient elsewhere. Codes must fit the number of classes.
cdef int cross_entropy_labels(
    real* gradient, const real* guesses, const int64_t* codes, size_t rows, size_t classes, double gold,
    double other, double scale, double* loss
) noexcept nogil

# gradient = (guesses - truths) * scale, zero in rows where keep (which may be NULL) is 0.
cdef int cross_entropy_soft(
    real* gradient, const real* guesses, const real* truths, const unsigned char* keep, size_t rows,
    size_t classes, double scale, double* loss
) noexcept nogil

# gradient = (guesses - truths) * scale; returns the sum of its squares.
cdef double squared_error(
    real* gradient, const real* guesses, const real* truths, size_t n, double scale
) noexcept nogil

# Cosine distance of the rows, both shifted by 1e-8; returns scale * sum |cos - 1|. gradient and similarity,
# (rows,), may be NULL. With ignore_zeros, rows whose truth is zero count for nothing.
cdef double cosine(
    real* gradient, real* similarity, const real* guesses, const real* truths, size_t rows, size_t width,
    double scale, bint ignore_zeros
) noexcept nogil
