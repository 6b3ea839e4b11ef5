"""Matrix products on the CPU: check, allocate, release the GIL, multiply."""
cimport numpy as cnp

from ..kernels cimport _gemm
from ..kernels._arrays cimport contiguous, empty1, empty2, is_real_array
from ..kernels._dispatch cimport active, real_kernels
from ..kernels._threads cimport threads
from ._split cimport split_sum_columns
from .cblas cimport CBlas

cnp.import_array()


ctypedef fused real:
    float
    double


cdef struct Operand:
    # strides in elements, one of them 1
    Py_ssize_t rows, columns, rs, cs
    void* data


cdef cnp.ndarray operand(Operand* m, cnp.ndarray X, bint transposed):
    # Describe X, or its transpose; a copy of X if neither stride is one or it is misaligned.
    # Returns what owns the memory.
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(X)
    cdef Py_ssize_t rows = cnp.PyArray_DIM(X, 0), columns = cnp.PyArray_DIM(X, 1)
    cdef Py_ssize_t rs = cnp.PyArray_STRIDE(X, 0), cs = cnp.PyArray_STRIDE(X, 1)
    # The stride of a dimension with one item is arbitrary.
    if columns <= 1:
        cs = size
    if rows <= 1:
        rs = columns * size if cs == size else size
    if (rs != size and cs != size) or rs % size or cs % size or not cnp.PyArray_ISALIGNED(X):
        X = <cnp.ndarray>cnp.PyArray_NewCopy(X, cnp.NPY_CORDER)
        rs, cs = columns * size, size
    if transposed:
        rows, columns, rs, cs = columns, rows, cs, rs
    m.rows, m.columns, m.rs, m.cs, m.data = rows, columns, rs // size, cs // size, cnp.PyArray_DATA(X)
    return X


cdef bint may_overlap(cnp.ndarray A, cnp.ndarray B) noexcept:
    # whether the address ranges meet
    cdef char* low[2]
    cdef char* high[2]
    cdef cnp.ndarray array
    cdef Py_ssize_t extent
    cdef int i, d
    for i in range(2):
        array = A if i == 0 else B
        if cnp.PyArray_SIZE(array) == 0:
            return False
        low[i] = cnp.PyArray_BYTES(array)
        high[i] = low[i] + cnp.PyArray_ITEMSIZE(array)
        for d in range(cnp.PyArray_NDIM(array)):
            extent = (cnp.PyArray_DIM(array, d) - 1) * cnp.PyArray_STRIDE(array, d)
            if extent < 0:
                low[i] += extent
            else:
                high[i] += extent
    return low[0] < high[1] and low[1] < high[0]


cdef bint is_real(object X, int ndim, int kind):
    # whether X is an array with so many dimensions, of that type
    return is_real_array(X) and cnp.PyArray_NDIM(<cnp.ndarray>X) == ndim and cnp.PyArray_TYPE(<cnp.ndarray>X) == kind


cdef bint takes(object total, Py_ssize_t rows, Py_ssize_t width, int kind):
    # whether a gradient of so many rows of that width can be added to `total` in place
    if not is_real_array(total) or cnp.PyArray_TYPE(<cnp.ndarray>total) != kind \
            or not cnp.PyArray_ISCARRAY(<cnp.ndarray>total) or cnp.PyArray_SIZE(<cnp.ndarray>total) != rows * width:
        return False
    cdef int ndim = cnp.PyArray_NDIM(<cnp.ndarray>total)
    return width == 1 or (ndim > 0 and cnp.PyArray_DIM(<cnp.ndarray>total, ndim - 1) == width)


cdef void add_columns(real* total, const real* sums, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        total[i] += sums[i]


cdef void sum_columns(real* sums, cnp.ndarray X):
    # of a contiguous X
    cdef size_t rows = cnp.PyArray_DIM(X, 0), n = cnp.PyArray_DIM(X, 1)
    cdef const real* x = <const real*>cnp.PyArray_DATA(X)
    with nogil:
        split_sum_columns(threads(), real_kernels(active(), x), sums, x, rows, n)


cdef void multiply(Operand* x, Operand* y, cnp.ndarray out, void* bias, double beta=0):
    cdef bint single = cnp.PyArray_TYPE(out) == cnp.NPY_FLOAT32
    cdef void* data = cnp.PyArray_DATA(out)
    cdef Py_ssize_t M = x.rows, N = y.columns, K = x.columns
    if single:
        with nogil:
            _gemm.sgemm(
                M, N, K, 1, <const float*>x.data, x.rs, x.cs, <const float*>y.data, y.rs, y.cs,
                beta, <float*>data, N, <const float*>bias,
            )
    else:
        with nogil:
            _gemm.dgemm(
                M, N, K, 1, <const double*>x.data, x.rs, x.cs, <const double*>y.data, y.rs, y.cs,
                beta, <double*>data, N, <const double*>bias,
            )


def _describe(X):
    return f"{X.dtype}{X.shape}"


class CpuMatrix:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def cblas(self):
        """A new table of C BLAS routines, for Cython code: `thinc.backends.cblas.CBlas`."""
        return CBlas()

    def gemm(self, cnp.ndarray x not None, cnp.ndarray y not None, out=None, trans1=False, trans2=False):
        """Matrix product of `x` and `y`, without the GIL; large ones in `thinc.get_num_threads()` threads.

        Parameters
        ----------
        x, y
            Matrices of float32, or of float64; any strides. With `use_blis=False` any dtype.
        out
            An array to write the product to, of its shape and dtype, with any strides. What it held before
            does not matter. It may share memory with `x` and `y`.
        trans1, trans2
            Transpose `x`, `y` first.

        Returns
        -------
        `out`, or a new C-contiguous array.

        Raises
        ------
        ValueError
            If the shapes do not fit together, or not `out`, or a dtype is none of the above, or `out` is
            read-only.
        """
        if not self.use_blis:
            return super().gemm(x, y, out=out, trans1=trans1, trans2=trans2)
        if cnp.PyArray_NDIM(x) != 2 or cnp.PyArray_NDIM(y) != 2:
            raise ValueError(
                f"gemm: expected arrays with two dimensions, got shapes {(<object>x).shape} and {(<object>y).shape}"
            )
        cdef int kind = cnp.PyArray_TYPE(x)
        if (kind != cnp.NPY_FLOAT32 and kind != cnp.NPY_FLOAT64) or cnp.PyArray_TYPE(y) != kind \
                or not cnp.PyArray_ISNOTSWAPPED(x) or not cnp.PyArray_ISNOTSWAPPED(y):
            raise ValueError(
                f"gemm: expected two float32 matrices (or two of float64), got {x.dtype} and {y.dtype}. "
                "Convert them, or use NumpyOps(use_blis=False) for other dtypes"
            )
        cdef Operand a, b
        x = operand(&a, x, trans1)
        y = operand(&b, y, trans2)
        if a.columns != b.rows:
            raise ValueError(
                f"gemm: cannot multiply shapes {(a.rows, a.columns)} and {(b.rows, b.columns)} (after transposing)"
            )
        cdef cnp.ndarray result
        if out is None:
            result = empty2(a.rows, b.columns, kind)
            multiply(&a, &b, result, NULL)
            return result
        if not cnp.PyArray_Check(out):
            raise TypeError(f"gemm: out must be an array, got {type(out)}")
        result = <cnp.ndarray>out
        if cnp.PyArray_NDIM(result) != 2 or cnp.PyArray_DIM(result, 0) != a.rows \
                or cnp.PyArray_DIM(result, 1) != b.columns or cnp.PyArray_TYPE(result) != kind:
            raise ValueError(f"gemm: out must be {x.dtype}{(a.rows, b.columns)}, got {out.dtype}{out.shape}")
        if not cnp.PyArray_ISWRITEABLE(result):
            raise ValueError("gemm: out is read-only; pass a writeable array")
        if cnp.PyArray_ISCARRAY(result) and not may_overlap(result, x) and not may_overlap(result, y):
            multiply(&a, &b, result, NULL)
        else:
            result = empty2(a.rows, b.columns, kind)
            multiply(&a, &b, result, NULL)
            out[...] = result
        return out

    def _add_gemm(self, out, x, y, trans1=False, trans2=False):
        cdef Operand a, b
        cdef cnp.ndarray _x_owner, _y_owner  # a copy must live as long as its pointer
        if self.use_blis and is_real_array(x) and is_real_array(y) and is_real_array(out) \
                and cnp.PyArray_NDIM(<cnp.ndarray>x) == 2 and cnp.PyArray_NDIM(<cnp.ndarray>y) == 2 \
                and cnp.PyArray_NDIM(<cnp.ndarray>out) == 2 and cnp.PyArray_ISCARRAY(<cnp.ndarray>out) \
                and cnp.PyArray_TYPE(<cnp.ndarray>x) == cnp.PyArray_TYPE(<cnp.ndarray>out) \
                and cnp.PyArray_TYPE(<cnp.ndarray>y) == cnp.PyArray_TYPE(<cnp.ndarray>out) \
                and not may_overlap(out, x) and not may_overlap(out, y):
            _x_owner = operand(&a, x, trans1)
            _y_owner = operand(&b, y, trans2)
            if a.columns == b.rows and a.rows == cnp.PyArray_DIM(<cnp.ndarray>out, 0) \
                    and b.columns == cnp.PyArray_DIM(<cnp.ndarray>out, 1):
                multiply(&a, &b, out, NULL, 1)
                return
        super()._add_gemm(out, x, y, trans1, trans2)

    def affine(self, X, W, b):
        """``X @ W.T + b`` of X ``(B, I)``, W ``(O, I)``, b ``(O,)``: ``(B, O)``, in one pass."""
        if not self.use_blis or not is_real_array(X) or not is_real_array(W) or not is_real_array(b) \
                or cnp.PyArray_NDIM(<cnp.ndarray>X) != 2 or cnp.PyArray_NDIM(<cnp.ndarray>W) != 2 \
                or cnp.PyArray_NDIM(<cnp.ndarray>b) != 1 \
                or cnp.PyArray_TYPE(<cnp.ndarray>W) != cnp.PyArray_TYPE(<cnp.ndarray>X) \
                or cnp.PyArray_TYPE(<cnp.ndarray>b) != cnp.PyArray_TYPE(<cnp.ndarray>X) \
                or cnp.PyArray_DIM(<cnp.ndarray>W, 1) != cnp.PyArray_DIM(<cnp.ndarray>X, 1) \
                or cnp.PyArray_DIM(<cnp.ndarray>W, 0) != cnp.PyArray_DIM(<cnp.ndarray>b, 0):
            return super().affine(X, W, b)
        cdef Operand x, w
        cdef cnp.ndarray x_owner = operand(&x, <cnp.ndarray>X, False)
        cdef cnp.ndarray _w_owner = operand(&w, <cnp.ndarray>W, True)
        cdef cnp.ndarray bias = <cnp.ndarray>b
        if not cnp.PyArray_IS_C_CONTIGUOUS(bias):
            bias = <cnp.ndarray>cnp.PyArray_NewCopy(bias, cnp.NPY_CORDER)
        cdef cnp.ndarray Y = empty2(x.rows, w.columns, cnp.PyArray_TYPE(x_owner))
        multiply(&x, &w, Y, cnp.PyArray_DATA(bias))
        return Y

    def _backprop_affine(self, dA, X, W, dW=None, db=None, wants_dX=True):
        cdef int kind = cnp.PyArray_TYPE(<cnp.ndarray>dA) if is_real_array(dA) else -1
        if not self.use_blis or kind < 0 or not is_real(dA, 2, kind) or not is_real(X, 2, kind) \
                or not is_real(W, 2, kind):
            return super()._backprop_affine(dA, X, W, dW, db, wants_dX)
        cdef cnp.ndarray d = contiguous(<cnp.ndarray>dA), dX = None, sums, to_W, to_b
        cdef Operand da, dat, x, w
        operand(&da, d, False)
        operand(&dat, d, True)
        cdef cnp.ndarray _x_owner = operand(&x, <cnp.ndarray>X, False), _w_owner = operand(&w, <cnp.ndarray>W, False)
        if x.rows != da.rows or w.rows != da.columns or w.columns != x.columns:
            return super()._backprop_affine(dA, X, W, dW, db, wants_dX)
        cdef Py_ssize_t nO = w.rows, nI = w.columns
        cdef bint adds = (
            takes(dW, nO, nI, kind) and takes(db, nO, 1, kind) and not may_overlap(<cnp.ndarray>dW, d)
            and not may_overlap(<cnp.ndarray>dW, <cnp.ndarray>X)
        )
        sums = empty1(nO, kind)
        if wants_dX:
            dX = empty2(da.rows, nI, kind)
            multiply(&da, &w, dX, NULL)
        if adds:
            to_W, to_b = <cnp.ndarray>dW, <cnp.ndarray>db
        else:
            to_W, to_b = empty2(nO, nI, kind), sums
        multiply(&dat, &x, to_W, NULL, adds)
        if kind == cnp.NPY_FLOAT32:
            sum_columns(<float*>cnp.PyArray_DATA(sums), d)
            if adds:
                add_columns(<float*>cnp.PyArray_DATA(to_b), <const float*>cnp.PyArray_DATA(sums), nO)
        else:
            sum_columns(<double*>cnp.PyArray_DATA(sums), d)
            if adds:
                add_columns(<double*>cnp.PyArray_DATA(to_b), <const double*>cnp.PyArray_DATA(sums), nO)
        return dX, to_W, to_b

    def _sum_columns(self, X):
        if not is_real_array(X) or cnp.PyArray_NDIM(<cnp.ndarray>X) != 2:
            return super()._sum_columns(X)
        cdef cnp.ndarray x = contiguous(X)
        cdef cnp.ndarray sums = empty1(cnp.PyArray_DIM(x, 1), cnp.PyArray_TYPE(x))
        if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
            sum_columns(<float*>cnp.PyArray_DATA(sums), x)
        else:
            sum_columns(<double*>cnp.PyArray_DATA(sums), x)
        return sums
