"""The LSTM against a loop over single sequences, and its gradients against numeric ones."""

import numpy
import pytest
from numpy.testing import assert_allclose

from thinc.backends import NumpyOps, Ops

SIZES = [[3, 3, 1], [1], [2, 2], [4, 3, 2, 1, 1], [2, 0]]


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def make(rng, sizes, depth, dirs, nO, nI, initial=0.0):
    width = nI
    n_params = 0
    for _ in range(depth):
        n_params += dirs * 4 * nO * (width + nO + 2)
        width = dirs * nO
    params = rng.normal(size=n_params) * 0.5
    H0, C0 = (initial * rng.normal(size=(depth, dirs, nO)) for _ in range(2))
    return params, H0, C0, rng.normal(size=(sum(sizes), nI)), numpy.array(sizes, dtype="int32")


def expected_output(params, H0, C0, X, sizes):
    """Run each sequence by itself, step by step, as the definition has it."""
    depth, dirs, nO = H0.shape
    n_seqs = int(sizes[0])
    starts = numpy.cumsum(sizes) - sizes
    rows = [[start + b for start, size in zip(starts, sizes, strict=True) if b < size] for b in range(n_seqs)]
    offset = 0

    def take(*shape):
        nonlocal offset
        size = int(numpy.prod(shape))
        offset += size
        return params[offset - size : offset].reshape(shape)

    for layer in range(depth):
        outputs = numpy.zeros((len(X), dirs * nO))
        for direction in range(dirs):
            Wx, bx, Wh, bh = take(4 * nO, X.shape[1]), take(4 * nO), take(4 * nO, nO), take(4 * nO)
            for steps in rows:
                h, c = H0[layer, direction], C0[layer, direction]
                for row in steps if direction == 0 else steps[::-1]:
                    a = Wx @ X[row] + bx + Wh @ h + bh
                    f, i, o, g = a[:nO], a[nO : 2 * nO], a[2 * nO : 3 * nO], a[3 * nO :]
                    c = sigmoid(f) * c + sigmoid(i) * numpy.tanh(g)
                    h = sigmoid(o) * numpy.tanh(c)
                    outputs[row, direction * nO : (direction + 1) * nO] = h
        X = outputs
    assert offset == len(params)
    return X


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("dirs", [1, 2])
@pytest.mark.parametrize("initial", [0.0, 1.0])
def test_forward(ops, sizes, depth, dirs, initial, rng):
    inputs = make(rng, sizes, depth, dirs, nO=3, nI=2, initial=initial)
    expected = expected_output(*inputs)
    inputs = [x if x.dtype == "int32" else x.astype("f") for x in inputs]
    Y, state = ops.lstm_forward_training(*inputs)
    assert Y.shape == (sum(sizes), dirs * 3)
    assert Y.dtype == "float32"
    assert_allclose(Y, expected, rtol=1e-4, atol=1e-5)
    assert_allclose(ops.lstm_forward_inference(*inputs), Y, rtol=1e-6)
    hidden, gates, cells, X = state
    assert hidden.shape == cells.shape == (depth, dirs, sum(sizes), 3)
    assert gates.shape == (depth, dirs, sum(sizes), 12)
    assert_allclose(X, inputs[3])
    assert_allclose(hidden[-1, 0], Y[:, :3])
    f, i, o, g = gates[0, 0].reshape(-1, 3, 4).transpose(2, 0, 1)
    assert_allclose(o * numpy.tanh(cells[0, 0]), hidden[0, 0], rtol=1e-4, atol=1e-5)
    assert (abs(g) <= 1).all()
    assert ((f > 0) & (i > 0)).all()


@pytest.mark.parametrize("sizes", [[3, 3, 1], [1], [2, 0]])
@pytest.mark.parametrize("depth, dirs, nO", [(1, 1, 2), (1, 1, 1), (2, 2, 1)])
@pytest.mark.parametrize("initial", [0.0, 1.0])
def test_gradients_are_exact(sizes, depth, dirs, nO, initial, rng):
    params, H0, C0, X, size_at_t = make(rng, sizes, depth, dirs, nO=nO, nI=2, initial=initial)
    ops = Ops()
    Y, state = ops.lstm_forward_training(params, H0, C0, X, size_at_t)
    dY = rng.normal(size=Y.shape)
    before = params.copy()
    dX, d_params = ops.backprop_lstm(dY, size_at_t, params, state)
    assert_allclose(params, before, rtol=0)
    for array, gradient in [(X, dX), (params, d_params)]:
        assert gradient.shape == array.shape
        for index in numpy.ndindex(*array.shape):
            old, eps = array[index], 1e-5
            array[index] = old + eps
            above = (ops.lstm_forward_inference(params, H0, C0, X, size_at_t) * dY).sum()
            array[index] = old - eps
            below = (ops.lstm_forward_inference(params, H0, C0, X, size_at_t) * dY).sum()
            array[index] = old
            assert_allclose(gradient[index], (above - below) / (2 * eps), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("depth, dirs", [(1, 1), (2, 2)])
@pytest.mark.parametrize("initial", [0.0, 1.0])
def test_compiled_gradients(sizes, depth, dirs, initial, rng):
    inputs = make(rng, sizes, depth, dirs, nO=5, nI=3, initial=initial)
    Y, state = Ops().lstm_forward_training(*inputs)
    dY = rng.normal(size=Y.shape)
    expected = Ops().backprop_lstm(dY, inputs[4], inputs[0], state)
    params, H0, C0, X, size_at_t = (x if x.dtype == "int32" else x.astype("f") for x in inputs)
    ops = NumpyOps()
    _, state = ops.lstm_forward_training(params, H0, C0, X, size_at_t)
    for found, exact in zip(
        ops.backprop_lstm(dY.astype("f"), size_at_t, params, state), expected, strict=True
    ):
        assert found.dtype == "float32"
        assert_allclose(found, exact, rtol=1e-3, atol=1e-4)


def test_backward_of_a_plain_tuple_starts_from_zero(rng):
    params, H0, C0, X, sizes = make(rng, [2, 1], 1, 2, nO=2, nI=2)
    Y, state = Ops().lstm_forward_training(params, H0, C0, X, sizes)
    expected = Ops().backprop_lstm(Y, sizes, params, state)
    for found, exact in zip(Ops().backprop_lstm(Y, sizes, params, tuple(state)), expected, strict=True):
        assert_allclose(found, exact)


@pytest.mark.parametrize("sizes", [[], [0]])
def test_no_rows(ops, sizes, rng):
    inputs = make(rng, sizes, 2, 2, nO=3, nI=2)
    inputs = [x if x.dtype == "int32" else x.astype("f") for x in inputs]
    Y, state = ops.lstm_forward_training(*inputs)
    assert Y.shape == (0, 6)
    dX, d_params = ops.backprop_lstm(Y, inputs[4], inputs[0], state)
    assert dX.shape == (0, 2)
    assert_allclose(d_params, numpy.zeros(len(inputs[0])))


@pytest.mark.parametrize("dtype", ["int64", "uint32"])
def test_edge_ops_28_other_dtypes(ops, dtype, rng):
    """§17.28: float64 arrays and other integers are converted, not reinterpreted."""
    params, H0, C0, X, sizes = make(rng, [3, 2], 1, 1, nO=2, nI=2)
    expected = expected_output(params, H0, C0, X, sizes)
    Y = ops.lstm_forward_inference(params, H0, C0, X, sizes.astype(dtype))
    assert_allclose(Y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sizes", [[1, 2], [4], [2], [4, -1], [[2, 1]]])
def test_inconsistent_sizes(ops, sizes, rng):
    params, H0, C0, X, _ = make(rng, [2, 1], 1, 1, nO=2, nI=2)
    arrays = [x.astype("f") for x in (params, H0, C0, X)]
    with pytest.raises(ValueError, match="size_at_t"):
        ops.lstm_forward_training(*arrays, numpy.array(sizes, dtype="i"))


def test_wrong_shapes(ops, rng):
    params, H0, C0, X, sizes = make(rng, [2, 1], 1, 1, nO=2, nI=2)
    params, H0, C0, X = (x.astype("f") for x in (params, H0, C0, X))
    with pytest.raises(ValueError, match="params"):
        ops.lstm_forward_training(params[1:], H0, C0, X, sizes)
    with pytest.raises(ValueError, match="H0"):
        ops.lstm_forward_training(params, H0, C0[:, :, :1], X, sizes)
    Y, state = ops.lstm_forward_training(params, H0, C0, X, sizes)
    with pytest.raises(ValueError, match="dY"):
        ops.backprop_lstm(Y[:1], sizes, params, state)
    with pytest.raises(ValueError, match="size_at_t"):
        ops.backprop_lstm(Y, sizes[:1], params, state)
