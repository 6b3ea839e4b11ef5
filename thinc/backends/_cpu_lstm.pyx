"""The LSTM on the CPU: check, allocate, release the GIL, run all layers. `_lstm.py` has the mathematics.

Rows are packed by time, and those of a step are a prefix of the sequences. A direction keeps the state of each
sequence, so that one that joins in late (the second direction) starts from the initial state with no further ado.
The products with the inputs, and those of the gradients of weights, are done for all steps at once.
"""
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from ..kernels cimport _gemm
from ..kernels._arrays cimport contiguous, empty1, empty2, is_real_array
from ..kernels._dispatch cimport LSTMBackpropStep, LSTMStep, active, real_kernels
from ..kernels._memory cimport empty
from ..kernels._threads cimport threads

from . import _lstm
from ._split cimport split_backprop_lstm_step, split_lstm_step, split_sum_columns

cnp.import_array()

ctypedef fused real:
    float
    double


# One call; arrays of the type that the functions below are instantiated for.
cdef struct Network:
    Py_ssize_t depth, dirs, nO, nI, N, steps, batch
    const int64_t* sizes  # (steps,)
    const void* params
    const void* H0        # (depth, dirs, nO)
    const void* C0
    const void* X         # (N, nI)
    void* lower           # (depth - 1, N, dirs, nO): outputs of all layers but the last
    void* top             # (N, dirs, nO)
    void* gates           # (depth, dirs, N, nO, 4); NULL in inference
    void* cells           # (depth, dirs, N, nO); NULL in inference
    void* a               # scratch (N, 4 * nO)
    void* h_prev          # scratch (N, nO); backward
    void* scratch


cdef struct Gradients:
    const void* dY   # (N, dirs, nO)
    void* dX         # (N, nI), or NULL
    void* d_params
    void* d_outputs  # scratch (2, N, dirs, nO)


# Where a block of parameters lies, in elements.
cdef struct Block:
    Py_ssize_t width  # of the layer's input
    Py_ssize_t Wx, bx, Wh, bh


cdef Block block_of(const Network* net, Py_ssize_t layer, Py_ssize_t direction) noexcept nogil:
    cdef Block block
    cdef Py_ssize_t gates = 4 * net.nO, upper = net.dirs * net.nO
    cdef Py_ssize_t start = 0
    block.width = net.nI if layer == 0 else upper
    if layer > 0:
        start = net.dirs * gates * (net.nI + net.nO + 2) + (layer - 1) * net.dirs * gates * (upper + net.nO + 2)
    block.Wx = start + direction * gates * (block.width + net.nO + 2)
    block.bx = block.Wx + gates * block.width
    block.Wh = block.bx + gates
    block.bh = block.Wh + gates * net.nO
    return block


cdef inline Py_ssize_t transposed_stride(Py_ssize_t nO) noexcept nogil:
    # Of Wh.T (nO, 4 * nO): room for whole vectors, and no power of two, whose rows would share few cache sets.
    return (4 * nO + 15) // 16 * 16 + 16


cdef Py_ssize_t forward_scratch(Py_ssize_t nO, Py_ssize_t batch) noexcept nogil:
    return 4 * nO + nO * transposed_stride(nO) + 2 * batch * nO


cdef void multiply(
    Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, const real* A, Py_ssize_t rsa, Py_ssize_t csa, const real* B,
    Py_ssize_t rsb, Py_ssize_t csb, real beta, real* C, Py_ssize_t rsc, const real* bias,
) noexcept nogil:
    if real is float:
        _gemm.sgemm(M, N, K, 1, A, rsa, csa, B, rsb, csb, beta, C, rsc, bias)
    else:
        _gemm.dgemm(M, N, K, 1, A, rsa, csa, B, rsb, csb, beta, C, rsc, bias)


cdef inline real* outputs_of(const Network* net, Py_ssize_t layer, real* kind) noexcept nogil:
    if layer == net.depth - 1:
        return <real*>net.top
    return <real*>net.lower + layer * net.N * net.dirs * net.nO


cdef inline const real* inputs_of(const Network* net, Py_ssize_t layer, real* kind) noexcept nogil:
    if layer == 0:
        return <const real*>net.X
    return outputs_of(net, layer - 1, kind)


cdef void forward_direction(
    const Network* net, Py_ssize_t layer, Py_ssize_t direction, real* kind
) noexcept nogil:
    cdef Py_ssize_t nO = net.nO, width = 4 * nO, row, t, i, n
    cdef Py_ssize_t stride = transposed_stride(nO)
    cdef Py_ssize_t place = layer * net.dirs + direction
    cdef Block block = block_of(net, layer, direction)
    cdef const real* params = <const real*>net.params
    cdef real* a = <real*>net.a
    cdef real* y = outputs_of(net, layer, kind) + direction * nO
    cdef real* bias = <real*>net.scratch
    cdef real* Wh = bias + width  # transposed
    cdef real* h = Wh + nO * stride
    cdef real* c = h + net.batch * nO
    cdef LSTMStep[real] step
    for i in range(width):
        bias[i] = params[block.bx + i] + params[block.bh + i]
    real_kernels(active(), kind).copies.transpose(Wh, stride, params + block.Wh, nO, width, nO)
    for i in range(net.batch):
        memcpy(h + i * nO, <const real*>net.H0 + place * nO, nO * sizeof(real))
        memcpy(c + i * nO, <const real*>net.C0 + place * nO, nO * sizeof(real))
    multiply(
        net.N, width, block.width, inputs_of(net, layer, kind), block.width, 1, params + block.Wx, 1, block.width,
        <real>0, a, width, bias
    )
    step.nO, step.c, step.h, step.y_stride = nO, c, h, net.dirs * nO
    row = 0 if direction == 0 else net.N
    for i in range(net.steps):
        t = i if direction == 0 else net.steps - 1 - i
        n = net.sizes[t]
        if direction == 1:
            row -= n
        multiply(n, width, nO, h, nO, 1, Wh, stride, 1, <real>1, a + row * width, width, <const real*>NULL)
        step.rows, step.a, step.y = n, a + row * width, y + row * step.y_stride
        step.gates = step.cells = NULL
        if net.gates != NULL:
            step.gates = <real*>net.gates + (place * net.N + row) * width
            step.cells = <real*>net.cells + (place * net.N + row) * nO
        split_lstm_step(threads(), real_kernels(active(), kind), &step)
        if direction == 0:
            row += n


cdef void run_forward(const Network* net, real* kind) noexcept nogil:
    cdef Py_ssize_t layer, direction
    for layer in range(net.depth):
        for direction in range(net.dirs):
            forward_direction(net, layer, direction, kind)


cdef void backprop_direction(
    const Network* net, Py_ssize_t layer, Py_ssize_t direction, const real* dY, real* d_inputs, real* d_params
) noexcept nogil:
    cdef Py_ssize_t nO = net.nO, width = 4 * nO, stride = net.dirs * nO
    cdef Py_ssize_t place = layer * net.dirs + direction, row, before, i, t, n, known, k
    cdef Block block = block_of(net, layer, direction)
    cdef const real* params = <const real*>net.params
    cdef const real* X = inputs_of(net, layer, d_params)
    cdef const real* y = outputs_of(net, layer, d_params) + direction * nO
    cdef const real* cells = <const real*>net.cells + place * net.N * nO
    cdef const real* gates = <const real*>net.gates + place * net.N * width
    cdef const real* H0 = <const real*>net.H0 + place * nO
    cdef const real* C0 = <const real*>net.C0 + place * nO
    cdef real* da = <real*>net.a
    cdef real* h_prev = <real*>net.h_prev
    cdef real* dh = <real*>net.scratch
    cdef real* dc = dh + net.batch * nO
    cdef LSTMBackpropStep[real] step
    # Sequences that are not in the steps after have no gradients from there.
    memset(dh, 0, 2 * net.batch * nO * sizeof(real))
    step.nO, step.dy_stride = nO, stride
    row = net.N if direction == 0 else 0
    for i in range(net.steps):
        t = net.steps - 1 - i if direction == 0 else i
        n = net.sizes[t]
        # The step before in the direction's order, and how many of these sequences were in it.
        if direction == 0:
            row -= n
            known = n if t > 0 else 0
            before = row - net.sizes[t - 1] if t > 0 else 0
        else:
            before = row + n
            known = net.sizes[t + 1] if t + 1 < net.steps else 0
        step.dy, step.dh, step.dc = dY + row * stride + direction * nO, dh, dc
        step.gates, step.cells, step.da = gates + row * width, cells + row * nO, da + row * width
        step.rows, step.before, step.before_stride = known, cells + before * nO, nO
        split_backprop_lstm_step(threads(), real_kernels(active(), d_params), &step)
        if known < n:
            step.dy += known * stride
            step.dh += known * nO
            step.dc += known * nO
            step.gates += known * width
            step.cells += known * nO
            step.da += known * width
            step.rows, step.before, step.before_stride = n - known, C0, 0
            split_backprop_lstm_step(threads(), real_kernels(active(), d_params), &step)
        for k in range(known):
            memcpy(h_prev + (row + k) * nO, y + (before + k) * stride, nO * sizeof(real))
        for k in range(known, n):
            memcpy(h_prev + (row + k) * nO, H0, nO * sizeof(real))
        if i + 1 < net.steps:
            multiply(
                known, nO, width, da + row * width, width, 1, params + block.Wh, nO, 1, <real>0, dh, nO,
                <const real*>NULL
            )
        if direction == 1:
            row += n
    # All steps at once.
    multiply(
        width, block.width, net.N, da, 1, width, X, block.width, 1, <real>0, d_params + block.Wx, block.width,
        <const real*>NULL
    )
    multiply(
        width, nO, net.N, da, 1, width, h_prev, nO, 1, <real>0, d_params + block.Wh, nO, <const real*>NULL
    )
    split_sum_columns(threads(), real_kernels(active(), d_params), d_params + block.bx, da, net.N, width)
    memcpy(d_params + block.bh, d_params + block.bx, width * sizeof(real))
    if d_inputs != NULL:
        multiply(
            net.N, block.width, width, da, width, 1, params + block.Wx, block.width, 1, <real>(direction != 0),
            d_inputs, block.width, <const real*>NULL
        )


cdef void run_backprop(const Network* net, const Gradients* grads, real* kind) noexcept nogil:
    cdef Py_ssize_t layer, i, direction
    cdef const real* dY = <const real*>grads.dY
    cdef real* d_inputs
    for i in range(net.depth):
        layer = net.depth - 1 - i
        d_inputs = <real*>grads.d_outputs + (layer % 2) * net.N * net.dirs * net.nO if layer else <real*>grads.dX
        for direction in range(net.dirs):
            backprop_direction(net, layer, direction, dY, d_inputs, <real*>grads.d_params)
        dY = d_inputs


cdef cnp.ndarray as_kind(object X, int kind):
    # X as a C-contiguous array of NPY_FLOAT32 or NPY_FLOAT64
    if cnp.PyArray_TYPE(<cnp.ndarray>X) == kind:
        return contiguous(<cnp.ndarray>X)
    return <cnp.ndarray>cnp.PyArray_FROM_OTF(X, kind, cnp.NPY_ARRAY_IN_ARRAY | cnp.NPY_ARRAY_FORCECAST)


cdef cnp.ndarray as_sizes(object size_at_t, Network* net):
    # The sizes as int64, if they never grow and sum up to N; else None. Fills in what they say.
    if not cnp.PyArray_Check(size_at_t) or cnp.PyArray_NDIM(<cnp.ndarray>size_at_t) != 1 \
            or not cnp.PyArray_ISINTEGER(<cnp.ndarray>size_at_t):
        return None
    cdef cnp.ndarray sizes = <cnp.ndarray>cnp.PyArray_FROM_OTF(
        size_at_t, cnp.NPY_INT64, cnp.NPY_ARRAY_IN_ARRAY | cnp.NPY_ARRAY_FORCECAST)
    cdef const int64_t* n = <const int64_t*>cnp.PyArray_DATA(sizes)
    cdef Py_ssize_t left = net.N, last = net.N, t
    net.sizes = n
    net.steps = cnp.PyArray_DIM(sizes, 0)
    net.batch = n[0] if net.steps else 0
    for t in range(net.steps):
        if n[t] < 0 or n[t] > last or n[t] > left:
            return None
        last = n[t]
        left -= last
    return sizes if left == 0 else None


cdef bint is_consistent(Network* net, cnp.ndarray params, cnp.ndarray H0, cnp.ndarray C0, cnp.ndarray X):
    # Whether the shapes fit together. Fills in what they say.
    if cnp.PyArray_NDIM(params) != 1 or cnp.PyArray_NDIM(X) != 2 or cnp.PyArray_NDIM(H0) != 3 \
            or cnp.PyArray_NDIM(C0) != 3 or not cnp.PyArray_SAMESHAPE(H0, C0):
        return False
    net.depth, net.dirs, net.nO = cnp.PyArray_DIM(H0, 0), cnp.PyArray_DIM(H0, 1), cnp.PyArray_DIM(H0, 2)
    net.N, net.nI = cnp.PyArray_DIM(X, 0), cnp.PyArray_DIM(X, 1)
    if net.depth < 1 or net.dirs < 1 or net.dirs > 2:
        return False
    cdef object nO = net.nO, dirs = net.dirs  # Python's integers do not overflow
    expected = 4 * nO * dirs * (net.nI + nO + 2 + (net.depth - 1) * (dirs * nO + nO + 2))
    return expected == cnp.PyArray_DIM(params, 0)


cdef object forward(object params, object H0, object C0, object X, object size_at_t, bint training):
    # (Y, state), or Y alone, or None if that is not for the kernels
    cdef Network net
    if not is_real_array(params) or not is_real_array(X) or not is_real_array(H0) or not is_real_array(C0) \
            or not is_consistent(&net, params, H0, C0, X):
        return None
    cdef cnp.ndarray sizes = as_sizes(size_at_t, &net)
    if sizes is None:
        return None
    cdef int kind = cnp.NPY_FLOAT32
    if cnp.PyArray_TYPE(<cnp.ndarray>params) == cnp.NPY_FLOAT64 or cnp.PyArray_TYPE(<cnp.ndarray>X) == cnp.NPY_FLOAT64:
        kind = cnp.NPY_FLOAT64
    cdef cnp.ndarray p = as_kind(params, kind), x = as_kind(X, kind), h0 = as_kind(H0, kind), c0 = as_kind(C0, kind)
    cdef cnp.npy_intp shape[4]
    cdef cnp.ndarray Y, G = None, C = None
    shape[0], shape[1], shape[2], shape[3] = net.depth, net.N, net.dirs, net.nO
    Y = empty(4, shape, kind)
    if training:
        shape[1], shape[2], shape[3] = net.dirs, net.N, net.nO
        C = empty(4, shape, kind)
        shape[3] = 4 * net.nO
        G = empty(4, shape, kind)
        net.gates, net.cells = cnp.PyArray_DATA(G), cnp.PyArray_DATA(C)
    else:
        net.gates = net.cells = NULL
    cdef cnp.ndarray a = empty2(net.N, 4 * net.nO, kind)
    cdef cnp.ndarray scratch = empty1(forward_scratch(net.nO, net.batch), kind)
    net.params, net.X = cnp.PyArray_DATA(p), cnp.PyArray_DATA(x)
    net.H0, net.C0 = cnp.PyArray_DATA(h0), cnp.PyArray_DATA(c0)
    net.lower = cnp.PyArray_DATA(Y)
    net.a, net.scratch = cnp.PyArray_DATA(a), cnp.PyArray_DATA(scratch)
    cdef cnp.ndarray output = Y if net.depth == 1 else <cnp.ndarray>Y[net.depth - 1]
    net.top = cnp.PyArray_DATA(output)
    if kind == cnp.NPY_FLOAT32:
        with nogil:
            run_forward[float](&net, NULL)
    else:
        with nogil:
            run_forward[double](&net, NULL)
    if not training:
        return output.reshape((net.N, net.dirs * net.nO))
    # The caller may change the output; the state is ours.
    cdef cnp.ndarray copy = empty2(net.N, net.dirs * net.nO, kind)
    memcpy(cnp.PyArray_DATA(copy), net.top, cnp.PyArray_NBYTES(copy))
    return copy, _lstm.LSTMState((Y.transpose((0, 2, 1, 3)), G, C, X), H0, C0)


cdef bint has_shape4(cnp.ndarray array, Py_ssize_t d0, Py_ssize_t d1, Py_ssize_t d2, Py_ssize_t d3) noexcept:
    cdef cnp.npy_intp* shape = cnp.PyArray_DIMS(array)
    return cnp.PyArray_NDIM(array) == 4 and shape[0] == d0 and shape[1] == d1 and shape[2] == d2 and shape[3] == d3


cdef object backprop(object dY, object size_at_t, object params, object state, bint wants_dX):
    # (dX, d_params), or None if that is not for the kernels; dX is None without wants_dX
    cdef Network net
    cdef Gradients grads
    cdef int kind
    cdef cnp.npy_intp dims[3]
    cdef cnp.ndarray sizes, y, g, c, p, x, h0, c0, dy, dX, d_params, a, h_prev, scratch, d_outputs
    if not isinstance(state, tuple) or len(state) != 4 or not is_real_array(params) or not is_real_array(dY):
        return None
    Y, G, C, X = state
    if not is_real_array(Y) or not is_real_array(X) or cnp.PyArray_NDIM(<cnp.ndarray>Y) != 4:
        return None
    kind = cnp.PyArray_TYPE(<cnp.ndarray>Y)
    for array in (G, C):
        if not is_real_array(array) or cnp.PyArray_TYPE(<cnp.ndarray>array) != kind:
            return None
    if type(state) is _lstm.LSTMState:
        H0, C0 = state.H0, state.C0
        if not is_real_array(H0) or not is_real_array(C0):
            return None
    else:
        dims[0], dims[1], dims[2] = Y.shape[0], Y.shape[1], Y.shape[3]
        H0 = C0 = cnp.PyArray_ZEROS(3, dims, kind, 0)
    p, x, h0, c0 = as_kind(params, kind), as_kind(X, kind), as_kind(H0, kind), as_kind(C0, kind)
    if not is_consistent(&net, p, h0, c0, x):
        return None
    sizes = as_sizes(size_at_t, &net)
    if sizes is None or not has_shape4(Y, net.depth, net.dirs, net.N, net.nO) \
            or not has_shape4(C, net.depth, net.dirs, net.N, net.nO) \
            or not has_shape4(G, net.depth, net.dirs, net.N, 4 * net.nO) \
            or cnp.PyArray_NDIM(<cnp.ndarray>dY) != 2 or cnp.PyArray_DIM(<cnp.ndarray>dY, 0) != net.N \
            or cnp.PyArray_DIM(<cnp.ndarray>dY, 1) != net.dirs * net.nO:
        return None
    y = contiguous(<cnp.ndarray>Y.transpose((0, 2, 1, 3)))
    g, c, dy = contiguous(<cnp.ndarray>G), contiguous(<cnp.ndarray>C), as_kind(dY, kind)
    dX, d_params = empty2(net.N if wants_dX else 0, net.nI, kind), empty1(cnp.PyArray_DIM(p, 0), kind)
    a, h_prev = empty2(net.N, 4 * net.nO, kind), empty2(net.N, net.nO, kind)
    scratch = empty1(2 * net.batch * net.nO, kind)
    d_outputs = empty2(2 * net.N if net.depth > 1 else 0, net.dirs * net.nO, kind)
    net.params, net.X = cnp.PyArray_DATA(p), cnp.PyArray_DATA(x)
    net.H0, net.C0 = cnp.PyArray_DATA(h0), cnp.PyArray_DATA(c0)
    net.lower = cnp.PyArray_DATA(y)
    net.top = cnp.PyArray_BYTES(y) + (net.depth - 1) * net.N * net.dirs * net.nO * cnp.PyArray_ITEMSIZE(y)
    net.gates, net.cells = cnp.PyArray_DATA(g), cnp.PyArray_DATA(c)
    net.a, net.h_prev, net.scratch = cnp.PyArray_DATA(a), cnp.PyArray_DATA(h_prev), cnp.PyArray_DATA(scratch)
    grads.dY, grads.dX = cnp.PyArray_DATA(dy), cnp.PyArray_DATA(dX) if wants_dX else NULL
    grads.d_params, grads.d_outputs = cnp.PyArray_DATA(d_params), cnp.PyArray_DATA(d_outputs)
    if kind == cnp.NPY_FLOAT32:
        with nogil:
            run_backprop[float](&net, &grads, NULL)
    else:
        with nogil:
            run_backprop[double](&net, &grads, NULL)
    return (
        as_kind(dX, cnp.PyArray_TYPE(<cnp.ndarray>X)) if wants_dX else None,
        as_kind(d_params, cnp.PyArray_TYPE(<cnp.ndarray>params)),
    )


cdef bint copy_steps(cnp.ndarray data, cnp.ndarray rows, cnp.ndarray sizes, bint unpack) noexcept:
    # Between data (steps, B, width) and the first rows of each step (N, width); what is behind them becomes zero.
    # False, and nothing done, if the sizes do not fit.
    cdef const int64_t* n = <const int64_t*>cnp.PyArray_DATA(sizes)
    cdef Py_ssize_t steps = cnp.PyArray_DIM(data, 0), batch = cnp.PyArray_DIM(data, 1), t
    cdef Py_ssize_t row = cnp.PyArray_DIM(data, 2) * cnp.PyArray_ITEMSIZE(data), left = cnp.PyArray_DIM(rows, 0)
    cdef char* padded = cnp.PyArray_BYTES(data)
    cdef char* packed = cnp.PyArray_BYTES(rows)
    for t in range(steps):
        if n[t] < 0 or n[t] > batch or n[t] > left:
            return False
        left -= n[t]
    if left != 0:
        return False
    with nogil:
        for t in range(steps):
            if unpack:
                memcpy(padded, packed, n[t] * row)
                memset(padded + n[t] * row, 0, (batch - n[t]) * row)
            else:
                memcpy(packed, padded, n[t] * row)
            padded += batch * row
            packed += n[t] * row
    return True


cdef cnp.ndarray as_int64(object sizes, Py_ssize_t steps):
    # A vector of integers as int64, or None
    if not cnp.PyArray_Check(sizes) or cnp.PyArray_NDIM(<cnp.ndarray>sizes) != 1 \
            or cnp.PyArray_DIM(<cnp.ndarray>sizes, 0) != steps or not cnp.PyArray_ISINTEGER(<cnp.ndarray>sizes):
        return None
    return <cnp.ndarray>cnp.PyArray_FROM_OTF(
        sizes, cnp.NPY_INT64, cnp.NPY_ARRAY_IN_ARRAY | cnp.NPY_ARRAY_FORCECAST)


def lstm_forward_training(params, H0, C0, X, size_at_t):
    """`NumpyOps.lstm_forward_training`."""
    found = forward(params, H0, C0, X, size_at_t, True)
    return _lstm.lstm_forward_training(params, H0, C0, X, size_at_t) if found is None else found


def backprop_lstm(dY, lengths, params, fwd_state):
    """`NumpyOps.backprop_lstm`."""
    found = backprop(dY, lengths, params, fwd_state, True)
    return _lstm.backprop_lstm(dY, lengths, params, fwd_state) if found is None else found


class CpuLSTM:
    """Mixin of NumpyOps. What the kernels do not take goes to the readable reference, as does bad input: it says
    what is wrong."""

    def lstm_forward_training(self, params, H0, C0, X, size_at_t):
        return lstm_forward_training(params, H0, C0, X, size_at_t)

    def lstm_forward_inference(self, params, H0, C0, X, size_at_t):
        found = forward(params, H0, C0, X, size_at_t, False)
        return _lstm.lstm_forward_training(params, H0, C0, X, size_at_t)[0] if found is None else found

    def backprop_lstm(self, dY, lengths, params, fwd_state):
        return backprop_lstm(dY, lengths, params, fwd_state)

    def _backprop_lstm(self, dY, lengths, params, fwd_state, wants_dX):
        found = backprop(dY, lengths, params, fwd_state, wants_dX)
        return _lstm.backprop_lstm(dY, lengths, params, fwd_state, wants_dX) if found is None else found

    def _pack_steps(self, data, size_at_t):
        cdef cnp.ndarray sizes, rows, steps
        cdef Py_ssize_t N = 0, t, batch
        if is_real_array(data) and cnp.PyArray_NDIM(<cnp.ndarray>data) == 3:
            sizes = as_int64(size_at_t, cnp.PyArray_DIM(<cnp.ndarray>data, 0))
            if sizes is not None:
                batch = cnp.PyArray_DIM(<cnp.ndarray>data, 1)
                for t in range(cnp.PyArray_DIM(sizes, 0)):
                    N += min(max((<const int64_t*>cnp.PyArray_DATA(sizes))[t], 0), batch)
                steps = contiguous(<cnp.ndarray>data)
                rows = empty2(N, cnp.PyArray_DIM(steps, 2), cnp.PyArray_TYPE(steps))
                if copy_steps(steps, rows, sizes, False):
                    return rows
        return super()._pack_steps(data, size_at_t)

    def _unpack_steps(self, X, size_at_t, batch):
        cdef cnp.ndarray sizes, data, rows
        cdef cnp.npy_intp shape[3]
        cdef Py_ssize_t B = batch
        if is_real_array(X) and cnp.PyArray_NDIM(<cnp.ndarray>X) == 2 and B >= 0:
            sizes = as_int64(size_at_t, len(size_at_t))
            if sizes is not None:
                rows = contiguous(<cnp.ndarray>X)
                shape[0], shape[1], shape[2] = cnp.PyArray_DIM(sizes, 0), B, cnp.PyArray_DIM(rows, 1)
                data = empty(3, shape, cnp.PyArray_TYPE(rows))
                if copy_steps(data, rows, sizes, True):
                    return data
        return super()._unpack_steps(X, size_at_t, batch)
