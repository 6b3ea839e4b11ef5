"""Dense layers with maxout on the CPU: check, allocate, release the GIL, call a kernel; else the reference."""
cimport numpy as cnp
from libc.stdint cimport uint8_t

from ..kernels._arrays cimport contiguous, empty2, is_real_array
from ..kernels._dispatch cimport Kernels, MaxoutDense, MaxoutGradient, active, real_kernels, thread_workspace
from ..kernels._threads cimport threads

cnp.import_array()

ctypedef fused real:
    float
    double

# With fewer rows, or fewer pieces, the plain products are as fast (measured with AVX-512; AVX2 gains earlier).
cdef Py_ssize_t LEAST_ROWS = 48
cdef Py_ssize_t LEAST_PIECES = 3
cdef Py_ssize_t MOST_PIECES = 255


cdef bint real_of(object X, int ndim, int kind):
    # whether X is an array with so many dimensions, of that type
    return is_real_array(X) and cnp.PyArray_NDIM(<cnp.ndarray>X) == ndim and cnp.PyArray_TYPE(<cnp.ndarray>X) == kind


cdef bint has_kernel(object X, object W):
    # for X (B, nI) and W (nO, nP, nI)
    if not is_real_array(X) or not real_of(W, 3, cnp.PyArray_TYPE(<cnp.ndarray>X)):
        return False
    cdef cnp.ndarray x = <cnp.ndarray>X, w = <cnp.ndarray>W
    return (
        cnp.PyArray_NDIM(x) == 2 and cnp.PyArray_DIM(x, 1) == cnp.PyArray_DIM(w, 2)
        and cnp.PyArray_SIZE(w) > 0 and LEAST_PIECES <= cnp.PyArray_DIM(w, 1) <= MOST_PIECES
        and cnp.PyArray_DIM(x, 0) >= LEAST_ROWS
    )


cdef cnp.ndarray with_rows(cnp.ndarray X, Py_ssize_t* stride):
    # X (rows, columns) itself if the columns are adjacent, or a copy; elements between rows
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(X)
    if cnp.PyArray_STRIDE(X, 1) != size or cnp.PyArray_STRIDE(X, 0) % size:
        X = contiguous(X)
    stride[0] = cnp.PyArray_STRIDE(X, 0) // size
    return X


# Work over the threads of the pool, in as many parts as there are threads: each part copies an operand for itself.
# Every sum is within one part, and the same whatever the others are.

cdef extern from "thinc/kernels/_parallel.hh" namespace "thinc" nogil:
    cdef cppclass AtomicNumber "std::atomic<int>":
        int load()

    cdef cppclass Pool "thinc::Threads":
        AtomicNumber number
        void (*run)(Py_ssize_t parts, void (*task)(void*, Py_ssize_t) noexcept nogil, void* context) noexcept nogil

# Multiplications that are worth a part of their own.
cdef double LEAST_WORK = 1e6
# Rows or units of a part. (How a product with a side of up to 64, or with a last part of a vector of columns, is
# computed depends on the number of rows.)
cdef Py_ssize_t LEAST_UNITS = 16, LEAST_GRADIENT_ROWS = 32, LEAST_FORWARD_ROWS = 80


cdef struct Parts:
    void* call
    Py_ssize_t number, items, unit  # parts start at multiples of `unit` items
    bint failed  # for want of memory


cdef Py_ssize_t start_of(const Parts* parts, Py_ssize_t part) noexcept nogil:
    if part == parts.number:
        return parts.items
    return parts.items // parts.unit * part // parts.number * parts.unit


cdef bint run_parts(
    void* call, void (*task)(void*, Py_ssize_t) noexcept nogil, Py_ssize_t items, Py_ssize_t unit, Py_ssize_t least,
    double work,
) noexcept nogil:
    cdef const Pool* pool = <const Pool*>threads()
    cdef Parts parts
    parts.call, parts.items, parts.unit, parts.failed = call, items, unit, False
    parts.number = min((<Pool*>pool).number.load(), items // least, <Py_ssize_t>(work / LEAST_WORK))
    if parts.number < 2:
        parts.number = 1
        task(&parts, 0)
    else:
        pool.run(parts.number, task, &parts)
    return not parts.failed


cdef void forward_part(real* kind, Parts* parts, Py_ssize_t part) noexcept nogil:
    # rows; `kind` only names the type
    cdef MaxoutDense[real] call = (<MaxoutDense[real]*>parts.call)[0]
    cdef Py_ssize_t first = start_of(parts, part)
    call.B = start_of(parts, part + 1) - first
    call.X += first * call.sX
    call.Y += first * call.nO
    call.which += first * call.nO
    cdef const Kernels* kernels = active()
    cdef size_t size = real_kernels(kernels, kind).maxout_dense.workspace(&call)
    cdef real* work = <real*>thread_workspace(size * sizeof(real))
    if work == NULL:
        parts.failed = True
    else:
        real_kernels(kernels, kind).maxout_dense.forward(&call, work, size)


cdef void gradient_part(real* kind, Parts* parts, MaxoutGradient[real]* call) noexcept nogil:
    cdef const Kernels* kernels = active()
    cdef size_t size = real_kernels(kernels, kind).maxout_dense.gradient_workspace(call)
    cdef real* work = <real*>thread_workspace(size * sizeof(real))
    if work == NULL:
        parts.failed = True
    else:
        real_kernels(kernels, kind).maxout_dense.gradient(call, work)


cdef void inputs_part(real* kind, Parts* parts, Py_ssize_t part) noexcept nogil:
    # rows of dX
    cdef MaxoutGradient[real] call = (<MaxoutGradient[real]*>parts.call)[0]
    cdef Py_ssize_t first = start_of(parts, part)
    call.B = start_of(parts, part + 1) - first
    call.dY += first * call.sdY
    call.which += first * call.swhich
    call.dX += first * call.nI
    call.dW = NULL
    gradient_part(kind, parts, &call)


cdef void weights_part(real* kind, Parts* parts, Py_ssize_t part) noexcept nogil:
    # units of dW and db
    cdef MaxoutGradient[real] call = (<MaxoutGradient[real]*>parts.call)[0]
    cdef Py_ssize_t first = start_of(parts, part)
    call.nO = start_of(parts, part + 1) - first
    call.dY += first
    call.which += first
    call.dW += first * call.P * call.nI
    call.db += first * call.P
    call.dX = NULL
    gradient_part(kind, parts, &call)


cdef void forward32(void* parts, Py_ssize_t part) noexcept nogil:
    forward_part(<float*>NULL, <Parts*>parts, part)


cdef void forward64(void* parts, Py_ssize_t part) noexcept nogil:
    forward_part(<double*>NULL, <Parts*>parts, part)


cdef void inputs32(void* parts, Py_ssize_t part) noexcept nogil:
    inputs_part(<float*>NULL, <Parts*>parts, part)


cdef void inputs64(void* parts, Py_ssize_t part) noexcept nogil:
    inputs_part(<double*>NULL, <Parts*>parts, part)


cdef void weights32(void* parts, Py_ssize_t part) noexcept nogil:
    weights_part(<float*>NULL, <Parts*>parts, part)


cdef void weights64(void* parts, Py_ssize_t part) noexcept nogil:
    weights_part(<double*>NULL, <Parts*>parts, part)


cdef bint run_forward(MaxoutDense[real]* call) noexcept nogil:
    cdef Py_ssize_t N = call.nO * call.P
    cdef double work = <double>call.B * N * call.nI if N > 64 and N % 16 == 0 else 0
    return run_parts(call, forward32 if real is float else forward64, call.B, 16, LEAST_FORWARD_ROWS, work)


cdef Py_ssize_t find_outside(const uint8_t* which, Py_ssize_t n, Py_ssize_t P) noexcept nogil:
    # the position of the first that is no piece, or -1
    cdef uint8_t highest = 0
    cdef Py_ssize_t i
    for i in range(n):
        highest = which[i] if which[i] > highest else highest
    if n == 0 or highest < P:
        return -1
    i = 0
    while which[i] < P:
        i += 1
    return i


cdef Py_ssize_t run_gradient(MaxoutGradient[real]* call) noexcept nogil:
    # -1, or where `which` is no piece, or -2 if there is no memory
    cdef double work = <double>call.B * call.nO * call.nI
    cdef Py_ssize_t bad = find_outside(call.which, call.B * call.nO, call.P)
    if bad >= 0:
        return bad
    if call.dX != NULL and not run_parts(
        call, inputs32 if real is float else inputs64, call.B, 4, LEAST_GRADIENT_ROWS, work
    ):
        return -2
    if not run_parts(call, weights32 if real is float else weights64, call.nO, 1, LEAST_UNITS, work):
        return -2
    return -1


cdef bint forward(real* Y, cnp.ndarray X, Py_ssize_t sX, cnp.ndarray W, cnp.ndarray b, cnp.ndarray which):
    cdef MaxoutDense[real] call
    cdef bint done
    call.B, call.nI, call.nO, call.P = cnp.PyArray_DIM(X, 0), cnp.PyArray_DIM(X, 1), cnp.PyArray_DIM(W, 0), \
        cnp.PyArray_DIM(W, 1)
    call.X, call.sX = <const real*>cnp.PyArray_DATA(X), sX
    call.W, call.b = <const real*>cnp.PyArray_DATA(W), <const real*>cnp.PyArray_DATA(b)
    call.Y, call.which = Y, <uint8_t*>cnp.PyArray_DATA(which)
    with nogil:
        done = run_forward(&call)
    return done


cdef Py_ssize_t gradient(
    real* dX, cnp.ndarray dY, Py_ssize_t sdY, cnp.ndarray which, cnp.ndarray X, Py_ssize_t sX, cnp.ndarray W,
    cnp.ndarray dW, cnp.ndarray db,
):
    cdef MaxoutGradient[real] call
    cdef Py_ssize_t bad
    call.B, call.nI, call.nO, call.P = cnp.PyArray_DIM(X, 0), cnp.PyArray_DIM(X, 1), cnp.PyArray_DIM(W, 0), \
        cnp.PyArray_DIM(W, 1)
    call.dY, call.sdY = <const real*>cnp.PyArray_DATA(dY), sdY
    call.which, call.swhich = <const uint8_t*>cnp.PyArray_DATA(which), call.nO
    call.X, call.sX = <const real*>cnp.PyArray_DATA(X), sX
    call.W, call.dX = <const real*>cnp.PyArray_DATA(W), dX
    call.dW, call.db = <real*>cnp.PyArray_DATA(dW), <real*>cnp.PyArray_DATA(db)
    with nogil:
        bad = run_gradient(&call)
    return bad


class CpuFused:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def _maxout_dense(self, X, W, b):
        if not self.use_blis or not has_kernel(X, W) or not real_of(b, 2, cnp.PyArray_TYPE(<cnp.ndarray>X)) \
                or cnp.PyArray_DIM(<cnp.ndarray>b, 0) != cnp.PyArray_DIM(<cnp.ndarray>W, 0) \
                or cnp.PyArray_DIM(<cnp.ndarray>b, 1) != cnp.PyArray_DIM(<cnp.ndarray>W, 1):
            return super()._maxout_dense(X, W, b)
        cdef Py_ssize_t stride
        cdef cnp.ndarray x = with_rows(X, &stride), w = contiguous(W), bias = contiguous(b)
        cdef int kind = cnp.PyArray_TYPE(x)
        cdef cnp.ndarray Y = empty2(cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(w, 0), kind)
        cdef cnp.ndarray which = empty2(cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(w, 0), cnp.NPY_UINT8)
        cdef bint done
        if kind == cnp.NPY_FLOAT32:
            done = forward(<float*>cnp.PyArray_DATA(Y), x, stride, w, bias, which)
        else:
            done = forward(<double*>cnp.PyArray_DATA(Y), x, stride, w, bias, which)
        if not done:
            raise MemoryError()
        return Y, which

    def _backprop_maxout_dense(self, dY, which, X, W, dW=None, wants_dX=True):
        if cnp.PyArray_TYPE(<cnp.ndarray?>which) != cnp.NPY_UINT8:
            return super()._backprop_maxout_dense(dY, which, X, W, dW, wants_dX)
        cdef cnp.ndarray chosen = <cnp.ndarray>which
        cdef int kind = cnp.PyArray_TYPE(<cnp.ndarray?>X)
        if not has_kernel(X, W) or not real_of(dY, 2, kind) or cnp.PyArray_NDIM(chosen) != 2 \
                or not cnp.PyArray_SAMESHAPE(<cnp.ndarray>dY, chosen) \
                or cnp.PyArray_DIM(chosen, 0) != cnp.PyArray_DIM(<cnp.ndarray>X, 0) \
                or cnp.PyArray_DIM(chosen, 1) != cnp.PyArray_DIM(<cnp.ndarray>W, 0) \
                or (dW is not None and not (
                    real_of(dW, 3, kind) and cnp.PyArray_SAMESHAPE(<cnp.ndarray>dW, <cnp.ndarray>W)
                    and cnp.PyArray_ISCARRAY(<cnp.ndarray>dW))):
            return super()._backprop_maxout_dense(dY, which.astype("int32"), X, W, dW, wants_dX)
        cdef Py_ssize_t sX, sdY, bad
        cdef cnp.ndarray x = with_rows(X, &sX), dy = with_rows(dY, &sdY), w = contiguous(W)
        cdef cnp.ndarray db = empty2(cnp.PyArray_DIM(w, 0), cnp.PyArray_DIM(w, 1), kind), added, dX = None
        cdef void* dx = NULL
        chosen = contiguous(chosen)
        if dW is None:
            added = <cnp.ndarray>self._zeros_like(w)
        else:
            added = <cnp.ndarray>dW
        if wants_dX:
            dX = empty2(cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1), kind)
            dx = cnp.PyArray_DATA(dX)
        if kind == cnp.NPY_FLOAT32:
            bad = gradient(<float*>dx, dy, sdY, chosen, x, sX, w, added, db)
        else:
            bad = gradient(<double*>dx, dy, sdY, chosen, x, sX, w, added, db)
        if bad == -2:
            raise MemoryError()
        if bad >= 0:
            raise IndexError(
                f"Cannot compute the gradient of maxout: which must be less than the number of pieces, "
                f"{cnp.PyArray_DIM(w, 1)}, but is {chosen.flat[bad]}"
            )
        return dX, added, db
