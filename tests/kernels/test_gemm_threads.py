"""Matrix products over threads: the same, bit for bit, as in one thread, whatever the shape."""

import itertools

import numpy
import pytest

import thinc
from helpers.products import matrix, multiply
from thinc.api import NumpyOps

pytestmark = pytest.mark.usefixtures("one_thread_afterwards")

# Around registers, tiles and blocks of rows of every instruction set.
ROWS = [1, 2, 3, 4, 7, 14, 15, 29, 45, 57]
COLUMNS = [1, 2, 5, 16, 17, 33, 64, 67, 129]
# Many threads: grids of parts of all kinds, and more parts than there are tiles.
THREADS = [2, 3, 5, 40]
TRANSPOSED = list(itertools.product([False, True], repeat=2))
VALUES = numpy.random.default_rng(0).normal(size=2_500_000)


def values(rows, columns, transposed, dtype):
    X = VALUES[: rows * columns].astype(dtype)
    return X.reshape(columns, rows).T if transposed else X.reshape(rows, columns)


def check(A, B, C, *args):
    thinc.set_num_threads(1)
    expected = multiply(A, B, C.copy(), *args)
    for number in THREADS:
        thinc.set_num_threads(number)
        result = multiply(A, B, C.copy(), *args)
        assert result.tobytes() == expected.tobytes(), (A.shape, B.shape, number)


@pytest.mark.parametrize("trans", TRANSPOSED)
def test_shapes_around_tiles(isa, dtype, trans):
    for M, N in itertools.product(ROWS, COLUMNS):
        K = 1_500_000 // (M * N)  # so many that it is worth several threads
        if K > 60_000:
            continue
        A, B = values(M, K, trans[0], dtype), values(K, N, trans[1], dtype)
        bias, C = VALUES[:N].astype(dtype), values(M, N, False, dtype)
        check(A, B, C)
        check(A, B, C, 0.5, -2.0, bias)


@pytest.mark.parametrize("trans", TRANSPOSED)
@pytest.mark.parametrize(
    "shape",
    [
        *[(128, 256, 784), (300, 290, 150), (1, 900, 800), (3, 700, 500), (900, 1, 800), (1500, 3, 300)],
        # blocks of k and of columns; a few last columns by a way of their own; C^T in pieces
        *[(61, 1500, 900), (1031, 70, 120), (900, 150, 333), (64, 1000, 200), (20000, 9, 30), (9, 9000, 70)],
    ],
)
def test_large(isa, dtype, trans, shape):
    M, N, K = shape
    A, B = values(M, K, trans[0], dtype), values(K, N, trans[1], dtype)
    check(A, B, values(M, N, False, dtype))
    check(A, B, values(M, N, False, dtype), -0.5, 1.0, VALUES[:N].astype(dtype))


def test_what_surrounds_the_result_stays(isa, dtype):
    rng = numpy.random.default_rng(1)
    A, B = matrix(rng, 203, 150, False, dtype), matrix(rng, 150, 205, True, dtype)
    frame = numpy.full((204, 210), numpy.nan, dtype)
    thinc.set_num_threads(3)
    multiply(A, B, frame[:203, :205])
    assert numpy.isnan(frame).sum() == frame.size - 203 * 205


def test_zeros_keep_their_sign(isa, dtype):
    A, B = numpy.zeros((400, 100), dtype), -numpy.ones((100, 203), dtype)
    for C, bias in itertools.product([numpy.zeros((400, 203), dtype)], [None, -numpy.zeros(203, dtype)]):
        check(A, B, C, 1.0, 0.0, bias)
        check(A, B, -C, 1.0, 1.0, bias)


def test_products_of_the_backend(dtype):
    ops, rng = NumpyOps(), numpy.random.default_rng(2)
    X, W, b = matrix(rng, 300, 200, False, dtype), matrix(rng, 250, 200, False, dtype), rng.normal(size=250)
    b, dY = b.astype(dtype), matrix(rng, 300, 250, False, dtype)

    def products():
        dW = ops.gemm(dY, X, trans1=True)
        ops._add_gemm(dW, dY, X, trans1=True)
        return [ops.affine(X, W, b), ops.gemm(dY, W), dW, ops.gemm(X, W, trans2=True)]

    expected = [Y.tobytes() for Y in products()]
    for number in THREADS:
        thinc.set_num_threads(number)
        assert [Y.tobytes() for Y in products()] == expected


def test_lstm():
    ops, rng = NumpyOps(), numpy.random.default_rng(3)
    X = rng.normal(size=(2400, 64)).astype("f")
    lengths = numpy.full(40, 60, "i")
    params = rng.normal(size=2 * 4 * 64 * (64 + 64 + 2), scale=0.1).astype("f")
    state = numpy.zeros((1, 2, 64), "f")

    def steps():
        Y, cache = ops.lstm_forward_training(params, state, state.copy(), X, lengths)
        dX, d_params = ops.backprop_lstm(Y, lengths, params, cache)
        return [Z.tobytes() for Z in (Y, dX, d_params)]

    expected = steps()
    for number in THREADS:
        thinc.set_num_threads(number)
        assert steps() == expected
