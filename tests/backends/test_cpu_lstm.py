"""The compiled LSTM on every instruction set: against the readable reference, and numeric gradients."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from helpers.gradcheck import assert_gradient
from thinc.backends import NumpyOps, Ops, numpy_ops
from thinc.kernels._dispatch import available_isas, use_isa

WIDTHS = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 64]  # around those of vectors
SIZES = [[1], [1, 1, 1], [3, 3, 1], [2, 0, 0], [20, 17, 17, 9, 2, 1]]
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


@pytest.fixture(params=available_isas())
def ops(request):
    with use_isa(request.param):
        yield NumpyOps()


def make(sizes, depth=1, dirs=1, nO=4, nI=3, dtype="float64", initial=1.0, seed=0):
    rng = numpy.random.default_rng(seed)
    n_params = 4 * nO * dirs * (nI + nO + 2 + (depth - 1) * (dirs * nO + nO + 2))
    params = rng.normal(size=n_params) / numpy.sqrt(nO + nI)
    H0, C0 = (initial * rng.normal(size=(depth, dirs, nO)) for _ in range(2))
    X = rng.normal(size=(sum(sizes), nI))
    return [x.astype(dtype) for x in (params, H0, C0, X)] + [numpy.array(sizes, dtype="int32")]


def gradient_for(Y, seed=1):
    return numpy.random.default_rng(seed).normal(size=Y.shape).astype(Y.dtype)


def in_float64(arrays):
    return [x.astype("float64") if x.dtype.kind == "f" else x for x in arrays]


def run(ops, inputs):
    """Y, state, inference, dX, d_params."""
    Y, state = ops.lstm_forward_training(*inputs)
    inference = ops.lstm_forward_inference(*inputs)
    return Y, state, inference, *ops.backprop_lstm(gradient_for(Y), inputs[4], inputs[0], state)


def assert_as_reference(ops, inputs):
    dtype = inputs[0].dtype
    Y, state, inference, dX, d_params = run(ops, inputs)
    exact = in_float64(inputs)
    expected, expected_state = Ops().lstm_forward_training(*exact)
    dY = gradient_for(Y).astype("float64")
    expected_dX, expected_d_params = Ops().backprop_lstm(dY, inputs[4], exact[0], expected_state)
    atol = TOLERANCE[str(dtype)]
    for found, right in [(Y, expected), (inference, expected), *zip(state, expected_state, strict=True)]:
        assert found.dtype == dtype and found.shape == right.shape
        assert_allclose(found, right, rtol=0, atol=atol)
    for found, right in [(dX, expected_dX), (d_params, expected_d_params)]:
        assert found.dtype == dtype and found.shape == right.shape
        assert_allclose(found, right, rtol=0, atol=atol * max(1, abs(right).max(initial=0)))
    assert_array_equal(Y, inference)


@pytest.mark.parametrize("nO", WIDTHS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SIZES)
def test_widths(ops, nO, sizes, dtype):
    assert_as_reference(ops, make(sizes, nO=nO, dtype=dtype))


@pytest.mark.parametrize("depth, dirs", [(1, 2), (2, 1), (2, 2), (4, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("initial", [0.0, 1.0])
def test_layers_and_directions(ops, depth, dirs, sizes, dtype, initial):
    assert_as_reference(ops, make(sizes, depth, dirs, nO=5, nI=7, dtype=dtype, initial=initial))


@pytest.mark.parametrize("nI", [0, 1, 16, 40])
def test_input_widths(ops, nI):
    assert_as_reference(ops, make([3, 2, 2], 2, 2, nO=6, nI=nI))


def test_many_sequences(ops):
    sizes = [40 - t for t in range(30)]
    assert_as_reference(ops, make(sizes, 2, 2, nO=20, nI=24, dtype="float32"))


@pytest.mark.parametrize("depth, dirs", [(1, 1), (3, 2)])
@pytest.mark.parametrize("sizes", [[], [0], [0, 0]])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_rows(ops, depth, dirs, sizes, dtype):
    Y, state, inference, dX, d_params = run(ops, make(sizes, depth, dirs, nO=3, dtype=dtype))
    assert Y.shape == inference.shape == (0, 3 * dirs) and dX.shape == (0, 3)
    assert [x.shape for x in state] == [(depth, dirs, 0, n) for n in (3, 12, 3)] + [(0, 3)]
    assert not d_params.any() and Y.dtype == dX.dtype == d_params.dtype == dtype


def test_no_units(ops):
    Y, _, inference, dX, d_params = run(ops, make([2, 1], 2, 2, nO=0))
    assert Y.shape == inference.shape == (3, 0) and d_params.shape == (0,)
    assert_array_equal(dX, numpy.zeros((3, 3)))


@pytest.mark.parametrize("sizes", [[3, 3, 1], [1], [2, 1, 0]])
@pytest.mark.parametrize("depth, dirs, nO", [(1, 1, 1), (1, 2, 3), (2, 2, 9)])
def test_gradients_are_exact(ops, sizes, depth, dirs, nO):
    inputs = make(sizes, depth, dirs, nO=nO, nI=2)
    params, X = inputs[0], inputs[3]
    Y, _, _, dX, d_params = run(ops, inputs)
    dY = gradient_for(Y)

    def loss():
        return (ops.lstm_forward_inference(*inputs) * dY).sum()

    assert_gradient(loss, X, dX)
    some = slice(None, None, max(1, len(params) // 100))
    assert_gradient(loss, params[some], d_params[some])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_saturated_gates(ops, dtype):
    params, H0, C0, X, sizes = make([3, 2, 2], nO=9, dtype=dtype)
    for scale in (30, 1000):
        inputs = [params * scale, H0, C0, X, sizes]
        Y, state, _, dX, d_params = run(ops, inputs)
        # The reference cuts the sigmoid off at -20, where it is 2e-9.
        expected, expected_state = Ops().lstm_forward_training(*in_float64(inputs))
        for found, right in zip((Y, *state), (expected, *expected_state), strict=True):
            assert_allclose(found, right, atol=max(TOLERANCE[dtype] * scale, 1e-7))
        assert numpy.isfinite(dX).all() and numpy.isfinite(d_params).all()


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf])
def test_nan_stays_in_its_sequence(ops, value):
    params, H0, C0, X, sizes = make([3, 2, 2], nO=17, dtype="float32")
    clean = ops.lstm_forward_inference(params, H0, C0, X, sizes)
    X[1] = value  # the first step of the second sequence; its rows are 1, 4 and 6
    Y, _ = ops.lstm_forward_training(params, H0, C0, X, sizes)
    if numpy.isnan(value):
        assert numpy.isnan(Y[[1, 4, 6]]).all()
    others = [0, 2, 3, 5]
    assert_allclose(Y[others], clean[others], rtol=1e-6)
    assert_array_equal(ops.lstm_forward_inference(params, H0, C0, X, sizes), Y)


def test_inputs_of_any_layout(ops):
    inputs = make([3, 2], 2, 2, nO=5)
    expected = run(ops, inputs)
    unusual = [
        numpy.repeat(inputs[0], 2)[::2],
        numpy.asfortranarray(inputs[1]),
        inputs[2][:, :, ::-1].copy()[:, :, ::-1],
        numpy.asfortranarray(inputs[3]),
        inputs[4][::-1].copy()[::-1],
    ]
    for array in unusual:
        array.flags.writeable = False
    Y, state, inference, dX, d_params = run(ops, unusual)
    for found, right in zip((Y, inference, dX, d_params), [expected[i] for i in (0, 2, 3, 4)], strict=True):
        assert_array_equal(found, right)
    dY = numpy.asfortranarray(gradient_for(Y))
    dY.flags.writeable = False
    assert_array_equal(ops.backprop_lstm(dY, unusual[4], unusual[0], state)[1], d_params)


def test_inputs_are_not_changed(ops):
    inputs = make([3, 2], 2, 2, nO=5)
    before = [x.copy() for x in inputs]
    Y, state, _, _, _ = run(ops, inputs)
    dY = gradient_for(Y)
    ops.backprop_lstm(dY, inputs[4], inputs[0], state)
    for array, old in zip([*inputs, dY], [*before, gradient_for(Y)], strict=True):
        assert_array_equal(array, old)


@pytest.mark.parametrize("depth, dirs", [(1, 1), (2, 2)])
def test_a_changed_output_does_not_change_the_gradients(ops, depth, dirs):
    inputs = make([3, 2], depth, dirs)
    Y, state, inference, dX, d_params = run(ops, inputs)
    dY = gradient_for(Y)
    Y[...] = inference[...] = 100
    for found, right in zip(ops.backprop_lstm(dY, inputs[4], inputs[0], state), (dX, d_params), strict=True):
        assert_array_equal(found, right)


@pytest.mark.parametrize("depth, dirs", [(1, 1), (3, 1), (2, 2)])
def test_states_of_other_backends(ops, depth, dirs):
    """Both sides take the state of the other, and a plain tuple, whose initial states are zero."""
    params, _, _, _, sizes = inputs = make([4, 2, 1], depth, dirs, nO=9)
    Y, state, _, dX, d_params = run(ops, inputs)
    _, other = Ops().lstm_forward_training(*inputs)
    for backend, given in [(ops, other), (Ops(), state)]:
        found_dX, found_d_params = backend.backprop_lstm(gradient_for(Y), sizes, params, given)
        assert_allclose(found_dX, dX, atol=1e-12)
        assert_allclose(found_d_params, d_params, atol=1e-12)
    inputs = make([4, 2, 1], depth, dirs, nO=9, initial=0)
    Y, state, _, dX, d_params = run(ops, inputs)
    found_dX, found_d_params = ops.backprop_lstm(gradient_for(Y), sizes, inputs[0], tuple(state))
    assert_array_equal(found_dX, dX)
    assert_array_equal(found_d_params, d_params)


@pytest.mark.parametrize("dtypes", ["ffff", "dfff", "fffd", "fddf", "dddd", "fedf", "eeee", "ddde"])
def test_dtypes_are_those_of_the_reference(ops, dtypes):
    inputs = make([3, 2], 2, 2, nO=5)
    inputs = [x.astype(dtype) for x, dtype in zip(inputs[:4], dtypes, strict=True)] + inputs[4:]
    expected = run(Ops(), inputs)
    tolerance = 5e-3 if "e" in dtypes else 1e-5 if "f" in dtypes else 1e-12
    for found, right in zip(run(ops, inputs), expected, strict=True):
        if isinstance(right, tuple):
            continue
        assert found.dtype == right.dtype
        assert_allclose(found, right, atol=tolerance)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64", ">i4"])
def test_edge_ops_28_sizes_of_other_dtypes(ops, dtype):
    inputs = make([3, 2, 2], 1, 2)
    expected = run(ops, inputs)
    for found, right in zip(run(ops, [*inputs[:4], inputs[4].astype(dtype)]), expected, strict=True):
        if not isinstance(right, tuple):
            assert_array_equal(found, right)


@pytest.mark.parametrize(
    "sizes", [[1, 2], [4], [2], [4, -1], [2, 2, -1], [[2, 1]], [], [2**31 - 1] * 3, [2**63 - 1, 2**63 - 1, 5]]
)
def test_inconsistent_sizes(ops, sizes):
    params, H0, C0, X, good = make([2, 1])
    sizes = numpy.array(sizes, dtype="int64")
    Y, state = ops.lstm_forward_training(params, H0, C0, X, good)
    for call in [
        lambda: ops.lstm_forward_training(params, H0, C0, X, sizes),
        lambda: ops.lstm_forward_inference(params, H0, C0, X, sizes),
        lambda: ops.backprop_lstm(Y, sizes, params, state),
    ]:
        with pytest.raises(ValueError, match="size_at_t"):
            call()


def test_wrong_shapes(ops):
    params, H0, C0, X, sizes = make([2, 1], 2, 2)
    Y, state = ops.lstm_forward_training(params, H0, C0, X, sizes)
    for bad, name in [
        ((params[1:], H0, C0, X, sizes), "params"),
        ((params.reshape(1, -1), H0, C0, X, sizes), "params"),
        ((params, H0, C0[:, :, :1], X, sizes), "H0"),
        ((params, H0[0], C0[0], X, sizes), "H0"),
        ((params, H0[:0], C0[:0], X, sizes), "H0"),
        ((params, *(numpy.zeros((2, 3, 4)),) * 2, X, sizes), "H0"),
        ((params, H0, C0, X[:, 1:], sizes), "params"),
    ]:
        with pytest.raises(ValueError, match=name):
            ops.lstm_forward_training(*bad)
        with pytest.raises(ValueError, match=name):
            ops.lstm_forward_inference(*bad)
    for dY in (Y[:1], Y[:, 1:]):
        with pytest.raises(ValueError, match="dY"):
            ops.backprop_lstm(dY, sizes, params, state)
    with pytest.raises(ValueError, match="params"):
        ops.backprop_lstm(Y, sizes, params[1:], state)
    hidden, gates, cells, _ = state
    for damaged in [
        (hidden, gates[..., 1:], cells, X),
        (hidden, gates, cells[:, :, 1:], X),
        (hidden, gates[:1], cells, X),
        (hidden, gates, cells, X[:, 1:]),
        (hidden, gates, cells, X[1:]),
        (hidden[:, :, 1:], gates, cells, X),
        (hidden, gates, cells),
    ]:
        with pytest.raises((ValueError, IndexError)):
            ops.backprop_lstm(Y, sizes, params, damaged)


def test_functions_of_the_module(ops):
    inputs = make([3, 2], 2, 2)
    Y, _, _, dX, d_params = run(ops, inputs)
    found, state = numpy_ops.lstm_forward_training(*inputs)
    assert_array_equal(found, Y)
    gradients = numpy_ops.backprop_lstm(gradient_for(Y), inputs[4], inputs[0], state)
    assert_array_equal(gradients[0], dX)
    assert_array_equal(gradients[1], d_params)
