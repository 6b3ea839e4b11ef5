# C interface for other Cython packages, frozen: names, order of the functions (the vtables) and sizes of the types are
# compiled into them. Single-precision vectors, row-major matrices, all without Python and the GIL.
#
# Lengths are numbers of elements; nothing is checked, a pointer must not be NULL where there are elements. A name that
# ends in _i works in place. In the others `out` may be the first operand, but must not overlap an operand otherwise.
# Sums are kept in double precision.
cimport cython
from cymem.cymem cimport Pool
from libc.math cimport exp as c_exp, pow as c_pow, sqrt as c_sqrt
from libc.stdint cimport int32_t
from libc.string cimport memmove

ctypedef float weight_t


cdef class Matrix:
    # Memory of `mem`, (nr_row, nr_col), for whoever fills it in; has no methods.
    cdef readonly Pool mem
    cdef weight_t* data
    cdef readonly int32_t nr_row
    cdef readonly int32_t nr_col


cdef class Vec:
    # Index of the first maximum, but of two that are equal the second; 0 of nothing.
    @staticmethod
    cdef inline int arg_max(const weight_t* scores, const int n_classes) noexcept nogil:
        cdef int i, best = 0
        if n_classes == 2:
            return 0 if scores[0] > scores[1] else 1
        for i in range(1, n_classes):
            if scores[i] > scores[best]:
                best = i
        return best

    # 0 of nothing
    @staticmethod
    cdef inline weight_t max(const weight_t* x, int32_t nr) noexcept nogil:
        cdef int32_t i
        cdef weight_t best
        if nr <= 0:
            return 0
        best = x[0]
        for i in range(1, nr):
            if x[i] > best:
                best = x[i]
        return best

    @staticmethod
    cdef inline weight_t sum(const weight_t* vec, int32_t nr) noexcept nogil:
        cdef int32_t i
        cdef double total = 0
        for i in range(nr):
            total += vec[i]
        return <weight_t>total

    # Euclidean
    @staticmethod
    cdef inline weight_t norm(const weight_t* vec, int32_t nr) noexcept nogil:
        return <weight_t>c_sqrt(_squares(vec, nr))

    # x + inc
    @staticmethod
    cdef inline void add(weight_t* output, const weight_t* x, weight_t inc, int32_t nr) noexcept nogil:
        _copy(output, x, nr)
        Vec.add_i(output, inc, nr)

    @staticmethod
    cdef inline void add_i(weight_t* vec, weight_t inc, int32_t nr) noexcept nogil:
        cdef int32_t i
        for i in range(nr):
            vec[i] += inc

    # x * scal
    @staticmethod
    cdef inline void mul(weight_t* output, const weight_t* vec, weight_t scal, int32_t nr) noexcept nogil:
        _copy(output, vec, nr)
        Vec.mul_i(output, scal, nr)

    @staticmethod
    cdef inline void mul_i(weight_t* vec, weight_t scal, int32_t nr) noexcept nogil:
        cdef int32_t i
        for i in range(nr):
            vec[i] *= scal

    # x ** scal
    @staticmethod
    cdef inline void pow(weight_t* output, const weight_t* vec, weight_t scal, int32_t nr) noexcept nogil:
        _copy(output, vec, nr)
        Vec.pow_i(output, scal, nr)

    @staticmethod
    cdef inline void pow_i(weight_t* vec, const weight_t scal, int32_t nr) noexcept nogil:
        cdef int32_t i
        for i in range(nr):
            vec[i] = <weight_t>c_pow(vec[i], scal)

    # x / scal, also by zero
    @staticmethod
    cdef inline void div(weight_t* output, const weight_t* vec, weight_t scal, int32_t nr) noexcept nogil:
        _copy(output, vec, nr)
        Vec.div_i(output, scal, nr)

    @staticmethod
    @cython.cdivision(True)
    cdef inline void div_i(weight_t* vec, const weight_t scal, int32_t nr) noexcept nogil:
        cdef int32_t i
        for i in range(nr):
            vec[i] = vec[i] / scal

    @staticmethod
    cdef inline void exp(weight_t* output, const weight_t* vec, int32_t nr) noexcept nogil:
        _copy(output, vec, nr)
        Vec.exp_i(output, nr)

    @staticmethod
    cdef inline void exp_i(weight_t* vec, int32_t nr) noexcept nogil:
        cdef int32_t i
        for i in range(nr):
            vec[i] = <weight_t>c_exp(vec[i])

    # 1 / x
    @staticmethod
    @cython.cdivision(True)
    cdef inline void reciprocal_i(weight_t* vec, int32_t nr) noexcept nogil:
        cdef int32_t i
        for i in range(nr):
            vec[i] = 1 / vec[i]

    # 0 of nothing
    @staticmethod
    @cython.cdivision(True)
    cdef inline weight_t mean(const weight_t* X, int32_t nr_dim) noexcept nogil:
        cdef int32_t i
        cdef double total = 0
        if nr_dim <= 0:
            return 0
        for i in range(nr_dim):
            total += X[i]
        return <weight_t>(total / nr_dim)

    # of the population, by the method of Welford (1962); 0 of nothing
    @staticmethod
    @cython.cdivision(True)
    cdef inline weight_t variance(const weight_t* X, int32_t nr_dim) noexcept nogil:
        cdef int32_t i
        cdef double mean = 0, squares = 0, difference
        if nr_dim <= 0:
            return 0
        for i in range(nr_dim):
            difference = X[i] - mean
            mean += difference / (i + 1)
            squares += difference * (X[i] - mean)
        return <weight_t>(squares / nr_dim)


cdef class VecVec:
    # x + scale * y
    @staticmethod
    cdef inline void add(
        weight_t* output, const weight_t* x, const weight_t* y, weight_t scale, int32_t nr
    ) noexcept nogil:
        _copy(output, x, nr)
        VecVec.add_i(output, y, scale, nr)

    @staticmethod
    cdef inline void add_i(weight_t* x, const weight_t* y, weight_t scale, int32_t nr) noexcept nogil:
        cdef int32_t i
        for i in range(nr):
            x[i] += y[i] * scale

    # x += scale * y[0] + scale * y[1] + ..., where y is (nr_batch, nr)
    @staticmethod
    cdef inline void batch_add_i(
        weight_t* x, const weight_t* y, weight_t scale, int32_t nr, int32_t nr_batch
    ) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(nr_batch):
            VecVec.add_i(x, y + i * nr, scale, nr)

    # x + y ** power
    @staticmethod
    cdef inline void add_pow(
        weight_t* output, const weight_t* x, const weight_t* y, weight_t power, int32_t nr
    ) noexcept nogil:
        _copy(output, x, nr)
        VecVec.add_pow_i(output, y, power, nr)

    @staticmethod
    cdef inline void add_pow_i(weight_t* x, const weight_t* y, weight_t power, int32_t nr) noexcept nogil:
        cdef int32_t i
        for i in range(nr):
            x[i] += <weight_t>c_pow(y[i], power)

    # x * y
    @staticmethod
    cdef inline void mul(weight_t* output, const weight_t* x, const weight_t* y, int32_t nr) noexcept nogil:
        _copy(output, x, nr)
        VecVec.mul_i(output, y, nr)

    @staticmethod
    cdef inline void mul_i(weight_t* x, const weight_t* y, int32_t nr) noexcept nogil:
        cdef int32_t i
        for i in range(nr):
            x[i] *= y[i]

    # inner product
    @staticmethod
    cdef inline weight_t dot(const weight_t* x, const weight_t* y, int32_t nr) noexcept nogil:
        cdef int32_t i
        cdef double total = 0
        for i in range(nr):
            total += <double>x[i] * y[i]
        return <weight_t>total

    # Index of the highest score whose flag is set, the first of equals; -1 if none is.
    @staticmethod
    cdef inline int arg_max_if_true(
        const weight_t* scores, const int* is_valid, const int n_classes
    ) noexcept nogil:
        cdef int i, best = -1
        for i in range(n_classes):
            if is_valid[i] and (best == -1 or scores[i] > scores[best]):
                best = i
        return best

    # Index of the highest score whose cost is zero, the first of equals; -1 if none is.
    @staticmethod
    cdef inline int arg_max_if_zero(
        const weight_t* scores, const weight_t* costs, const int n_classes
    ) noexcept nogil:
        cdef int i, best = -1
        for i in range(n_classes):
            if costs[i] == 0 and (best == -1 or scores[i] > scores[best]):
                best = i
        return best


cdef class Mat:
    # Mean of each column of mat (nr_row, nr_col), into Ex (nr_col,); zeros if there are no rows.
    @staticmethod
    @cython.cdivision(True)
    cdef inline void mean_row(weight_t* Ex, const weight_t* mat, int32_t nr_row, int32_t nr_col) noexcept nogil:
        cdef Py_ssize_t row, column
        cdef double total
        for column in range(nr_col):
            total = 0
            for row in range(nr_row):
                total += mat[row * nr_col + column]
            Ex[column] = <weight_t>(total / nr_row) if nr_row > 0 else 0

    # Variance of each column around Ex (nr_col,), of the population, plus eps: with d = x - Ex it is
    # (sum(d ** 2) - sum(d) ** 2 / nr_row) / nr_row + eps. Nothing is written if there are no rows.
    @staticmethod
    @cython.cdivision(True)
    cdef inline void var_row(
        weight_t* Vx, const weight_t* mat, const weight_t* Ex, int32_t nr_row, int32_t nr_col, weight_t eps
    ) noexcept nogil:
        cdef Py_ssize_t row, column
        cdef double total, squares, difference
        if nr_row <= 0 or nr_col <= 0:
            return
        for column in range(nr_col):
            total = squares = 0
            for row in range(nr_row):
                difference = mat[row * nr_col + column] - <double>Ex[column]
                total += difference
                squares += difference * difference
            Vx[column] = <weight_t>((squares - total * total / nr_row) / nr_row + eps)


cdef inline void _copy(weight_t* output, const weight_t* x, int32_t nr) noexcept nogil:
    if nr > 0:
        memmove(output, x, nr * sizeof(weight_t))


cdef inline double _squares(const weight_t* x, int32_t nr) noexcept nogil:
    cdef int32_t i
    cdef double total = 0
    for i in range(nr):
        total += <double>x[i] * x[i]
    return total
