"""Rows of the steps of padded sequences, gradients of an LSTM without that of its input, and copies of its state."""

import copy
import pickle

import numpy
import pytest
from numpy.testing import assert_array_equal

SIZES = [([3, 2, 1], 3), ([2, 2], 2), ([], 0), ([0, 0], 2), ([4, 1, 0], 5)]


@pytest.mark.parametrize("sizes, batch", SIZES)
@pytest.mark.parametrize("sizes_dtype", ["int32", "int64", "uint8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_steps_are_packed_and_unpacked(ops, sizes, batch, sizes_dtype, order, dtype, rng):
    data = numpy.asarray(rng.normal(size=(len(sizes), batch, 4)), dtype=dtype, order=order)
    sizes = numpy.array(sizes, dtype=sizes_dtype)
    before = data.copy()
    rows = ops._pack_steps(data, sizes)
    expected = [data[t, k] for t, size in enumerate(sizes) for k in range(size)]
    assert rows.dtype == dtype
    assert_array_equal(rows, numpy.array(expected).reshape((-1, 4)))
    back = ops._unpack_steps(rows, sizes, batch)
    assert back.dtype == dtype and back.shape == data.shape
    for t, size in enumerate(sizes):
        assert_array_equal(back[t, :size], data[t, :size])
        assert not back[t, size:].any()
    assert_array_equal(data, before)


@pytest.mark.parametrize("sizes", [[5, 1], [-1, 1], [1], [1, 1, 1], [2**40, 0]])
def test_sizes_that_do_not_fit_are_refused(ops, sizes, dtype):
    with pytest.raises(ValueError):
        ops._pack_steps(numpy.zeros((2, 3, 4), dtype=dtype), numpy.array(sizes))
    with pytest.raises(ValueError):
        ops._unpack_steps(numpy.zeros((2, 4), dtype=dtype), numpy.array(sizes), 3)


def run(ops, rng, dtype, depth, dirs):
    nI, nO = 3, 2
    sizes = numpy.array([3, 2, 2, 1], dtype="int32")
    n = sum(4 * nO * ((dirs * nO if layer else nI) + nO + 2) * dirs for layer in range(depth))
    params, X = rng.normal(size=n).astype(dtype), rng.normal(size=(8, nI)).astype(dtype)
    initial = rng.normal(size=(2, depth, dirs, nO)).astype(dtype)
    Y, state = ops.lstm_forward_training(params, initial[0], initial[1], X, sizes)
    return rng.normal(size=Y.shape).astype(dtype), sizes, params, state


@pytest.mark.parametrize("depth, dirs", [(1, 1), (1, 2), (3, 2)])
def test_the_gradient_of_the_input_can_be_left_out(ops, depth, dirs, dtype, rng):
    dY, sizes, params, state = run(ops, rng, dtype, depth, dirs)
    dX, expected = ops._backprop_lstm(dY, sizes, params, state, True)
    assert_array_equal(dX, ops.backprop_lstm(dY, sizes, params, state)[0])
    nothing, d_params = ops._backprop_lstm(dY, sizes, params, state, False)
    assert nothing is None
    assert_array_equal(d_params, expected)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_states_can_be_copied(ops, duplicate, dtype, rng):
    dY, sizes, params, state = run(ops, rng, dtype, 2, 2)
    other = duplicate(state)
    assert type(other) is type(state)
    assert_array_equal(other.H0, state.H0)
    for found, expected in zip(
        ops.backprop_lstm(dY, sizes, params, other), ops.backprop_lstm(dY, sizes, params, state), strict=True
    ):
        assert_array_equal(found, expected)
