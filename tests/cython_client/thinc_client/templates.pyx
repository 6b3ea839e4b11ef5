"""The operations that `thinc.backends.numpy_ops` declares as C++ templates, on addresses of arrays."""
from thinc.backends.cblas cimport CBlas, daxpy
from thinc.backends.numpy_ops cimport (
    backprop_seq2col,
    cpu_backprop_maxout,
    cpu_backprop_mish,
    cpu_backprop_reduce_max,
    cpu_backprop_reduce_mean,
    cpu_backprop_reduce_sum,
    cpu_gather_add,
    cpu_maxout,
    cpu_mish,
    cpu_reduce_max,
    cpu_reduce_mean,
    cpu_reduce_sum,
    cpu_relu,
    seq2col,
)

ctypedef double A
ctypedef int L


def maxout(size_t best, size_t which, size_t X, L B, L O, L P):
    cpu_maxout(<A*>best, <L*>which, <const A*>X, B, O, P)


def backprop_maxout(size_t dX, size_t dY, size_t which, L B, L O, L P):
    cpu_backprop_maxout(<A*>dX, <const A*>dY, <const L*>which, B, O, P)


def reduce_max(size_t best, size_t which, size_t X, size_t lengths, L B, L T, L O):
    cpu_reduce_max(<A*>best, <L*>which, <const A*>X, <const L*>lengths, B, T, O)


def backprop_reduce_max(size_t dX, size_t d, size_t which, size_t lengths, L B, L T, L O):
    cpu_backprop_reduce_max(<A*>dX, <const A*>d, <const L*>which, <const L*>lengths, B, T, O)


def reduce_sum(size_t out, size_t X, size_t lengths, L B, L T, L O):
    cpu_reduce_sum(<A*>out, <const A*>X, <const L*>lengths, B, T, O)


def reduce_mean(size_t out, size_t X, size_t lengths, L B, L T, L O):
    cpu_reduce_mean(<A*>out, <const A*>X, <const L*>lengths, B, T, O)


def backprop_reduce_sum(size_t dX, size_t d, size_t lengths, L B, L T, L O):
    cpu_backprop_reduce_sum(<A*>dX, <const A*>d, <const L*>lengths, B, T, O)


def backprop_reduce_mean(size_t dX, size_t d, size_t lengths, L B, L T, L O):
    cpu_backprop_reduce_mean(<A*>dX, <const A*>d, <const L*>lengths, B, T, O)


def mish(size_t Y, L N, A threshold):
    cpu_mish(<A*>Y, N, threshold)


def backprop_mish(size_t dX, size_t X, L N, A threshold):
    cpu_backprop_mish(<A*>dX, <const A*>X, N, threshold)


def relu(size_t X, L N):
    cpu_relu(<A*>X, N)


def windows(size_t out, size_t X, size_t lengths, L nW, L B, L I, L nL):
    seq2col(<A*>out, <const A*>X, <const L*>lengths, nW, B, I, nL)


def backprop_windows(size_t dX, size_t dY, size_t lengths, L B, L I, L nW, L nL):
    backprop_seq2col(<A*>dX, <const A*>dY, <const L*>lengths, B, I, nW, nL)


def gather_add(CBlas cblas not None, size_t out, size_t table, size_t indices, L T, L O, L B, L K):
    cpu_gather_add(daxpy(cblas), <A*>out, <const A*>table, <const L*>indices, T, O, B, K)
