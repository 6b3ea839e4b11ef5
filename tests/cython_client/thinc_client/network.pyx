# cython: boundscheck=False, wraparound=False, cdivision=True
"""A classifier with a hidden layer, softmax(relu(X W1 + b1) W2 + b2), that trains without the GIL."""
from cymem.cymem cimport Pool
from libc.stdint cimport int64_t

from thinc.backends.cblas cimport CBlas, sgemm, sgemm_ptr
from thinc.backends.linalg cimport VecVec
from thinc.kernels.activations cimport backprop_relu, relu, softmax
from thinc.kernels.batching cimport gather_rows
from thinc.kernels.losses cimport cross_entropy_labels
from thinc.kernels.optimizers cimport adam, adam_step


cdef struct Layer:
    # Y (B, nO) = X (B, nI) W.T + b: W is (nO, nI), followed in memory by b (nO,)
    int nI, nO
    float* W
    float* b
    float* dW
    float* db
    float* mom1
    float* mom2


cdef void forward(sgemm_ptr gemm, const Layer* layer, const float* X, float* Y, int B) noexcept nogil:
    cdef int i
    gemm(False, True, B, layer.nO, layer.nI, 1, X, layer.nI, layer.W, layer.nI, 0, Y, layer.nO)
    for i in range(B):
        VecVec.add_i(Y + i * layer.nO, layer.b, 1, layer.nO)


cdef void backward(sgemm_ptr gemm, Layer* layer, const float* X, const float* dY, float* dX, int B) noexcept nogil:
    gemm(True, False, layer.nO, layer.nI, B, 1, dY, layer.nO, X, layer.nI, 1, layer.dW, layer.nI)
    VecVec.batch_add_i(layer.db, dY, 1, layer.nO, B)
    if dX != NULL:
        gemm(False, False, B, layer.nI, layer.nO, 1, dY, layer.nO, layer.W, layer.nI, 0, dX, layer.nI)


cdef void update(Layer* layer, double learn_rate, int t) noexcept nogil:
    cdef size_t n = layer.nO * layer.nI
    cdef double step = adam_step(learn_rate, 0.9, 0.999, t)
    # without averages, penalty and decay; gradients are clipped to a norm of 1, and zero afterwards
    adam(layer.W, layer.dW, layer.mom1, layer.mom2, NULL, n, step, 0.9, 0.999, 1e-8, 0, 0, 1, 0)
    adam(layer.b, layer.db, layer.mom1 + n, layer.mom2 + n, NULL, layer.nO, step, 0.9, 0.999, 1e-8, 0, 0, 1, 0)


cdef class Network:
    """Two layers and their optimizer. Use an object in one thread at a time; different ones train side by side.

    Parameters
    ----------
    cblas
        Where matrix products come from: `model.ops.cblas()`.
    W1, b1, W2, b2
        The weights to start from, (nH, nI), (nH,), (nO, nH), (nO,); copied.
    """
    cdef Pool mem
    cdef CBlas cblas
    cdef Layer hidden, output
    cdef int t

    def __cinit__(self, CBlas cblas not None, const float[:, ::1] W1, const float[::1] b1, const float[:, ::1] W2,
                  const float[::1] b2):
        self.mem = Pool()
        self.cblas = cblas
        self.t = 0
        self.add(&self.hidden, W1, b1)
        self.add(&self.output, W2, b2)
        if self.output.nI != self.hidden.nO:
            raise ValueError(f"Network: W2 has {self.output.nI} columns, but there are {self.hidden.nO} hidden units")

    cdef int add(self, Layer* layer, const float[:, ::1] W, const float[::1] b) except -1:
        cdef Py_ssize_t i, n = W.shape[0] * W.shape[1], size = n + W.shape[0]
        if b.shape[0] != W.shape[0]:
            raise ValueError(f"Network: expected {W.shape[0]} biases, got {b.shape[0]}")
        layer.nO, layer.nI = W.shape[0], W.shape[1]
        layer.W = <float*>self.mem.alloc(size, sizeof(float))
        layer.dW = <float*>self.mem.alloc(size, sizeof(float))
        layer.mom1 = <float*>self.mem.alloc(size, sizeof(float))
        layer.mom2 = <float*>self.mem.alloc(size, sizeof(float))
        layer.b, layer.db = layer.W + n, layer.dW + n
        for i in range(n):
            layer.W[i] = W[i // layer.nI, i % layer.nI]
        for i in range(layer.nO):
            layer.b[i] = b[i]

    def train(self, const float[:, ::1] X, const int64_t[::1] labels, const int64_t[::1] order, int batch_size,
              double learn_rate):
        """Go through the rows `order` of X (n, nI) once, in batches; return the sum of the losses."""
        cdef Py_ssize_t start = 0, i, n = order.shape[0], bad = -1
        cdef int B, nI = self.hidden.nI, nH = self.hidden.nO, nO = self.output.nO
        cdef double loss, total = 0
        if X.shape[1] != nI or labels.shape[0] != X.shape[0] or batch_size < 1:
            raise ValueError(f"Network.train: X has {X.shape[1]} columns (expected {nI}) and {X.shape[0]} rows for "
                             f"{labels.shape[0]} labels, in batches of {batch_size}")
        for i in range(labels.shape[0]):
            if not 0 <= labels[i] < nO:
                raise ValueError(f"Network.train: label {labels[i]} is none of {nO} classes")
        # Scratch memory, freed with this pool.
        cdef Pool scratch = Pool()
        cdef float* x = <float*>scratch.alloc(<size_t>batch_size * nI, sizeof(float))
        cdef float* h = <float*>scratch.alloc(<size_t>batch_size * nH, sizeof(float))
        cdef float* dh = <float*>scratch.alloc(<size_t>batch_size * nH, sizeof(float))
        cdef float* y = <float*>scratch.alloc(<size_t>batch_size * nO, sizeof(float))
        cdef float* dy = <float*>scratch.alloc(<size_t>batch_size * nO, sizeof(float))
        cdef int64_t* gold = <int64_t*>scratch.alloc(batch_size, sizeof(int64_t))
        cdef sgemm_ptr gemm = sgemm(self.cblas)
        with nogil:
            while start < n:
                B = <int>min(batch_size, n - start)
                bad = gather_rows(x, &X[0, 0], &order[start], B, X.shape[0], nI * sizeof(float))
                if bad >= 0:
                    break
                gather_rows(gold, &labels[0], &order[start], B, labels.shape[0], sizeof(int64_t))
                forward(gemm, &self.hidden, x, h, B)
                relu(h, h, B * nH)
                forward(gemm, &self.output, h, y, B)
                softmax(y, y, B, nO, 1.0)
                cross_entropy_labels(dy, y, gold, B, nO, 1, 0, 1.0 / B, &loss)
                total += loss
                backward(gemm, &self.output, h, dy, dh, B)
                backprop_relu(dh, dh, h, B * nH)
                backward(gemm, &self.hidden, x, dh, NULL, B)
                self.t += 1
                update(&self.hidden, learn_rate, self.t)
                update(&self.output, learn_rate, self.t)
                start += B
        if bad >= 0:
            bad += start
            raise IndexError(f"Network.train: X has {X.shape[0]} rows, but order[{bad}] is {order[bad]}")
        return total

    def weights(self):
        """W1, b1, W2, b2 as lists of numbers."""
        return [
            [self.hidden.W[i] for i in range(self.hidden.nO * self.hidden.nI)],
            [self.hidden.b[i] for i in range(self.hidden.nO)],
            [self.output.W[i] for i in range(self.output.nO * self.output.nI)],
            [self.output.b[i] for i in range(self.output.nO)],
        ]
