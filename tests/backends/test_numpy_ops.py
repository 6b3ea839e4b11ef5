"""What the module numpy_ops exports besides the class, and the types its methods insist on."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.backends import NumpyOps, numpy_ops, ops


def test_blis_is_installed():
    assert numpy_ops.has_blis is True


def test_lstm_functions_are_those_of_the_reference(rng):
    params, X = rng.normal(size=4 * 2 * (3 + 2 + 2)).astype("f"), rng.normal(size=(5, 3)).astype("f")
    zeros, sizes = numpy.zeros((1, 1, 2), dtype="f"), numpy.array([2, 2, 1], dtype="i")
    results = []
    for module in (numpy_ops, ops):
        Y, state = module.lstm_forward_training(params, zeros, zeros, X, sizes)
        results.append((Y, *module.backprop_lstm(Y, sizes, params, state)))
    for compiled, reference in zip(*results, strict=True):
        assert_allclose(compiled, reference, rtol=1e-4, atol=1e-5)


def test_check_seq2col_lengths():
    assert_array_equal(numpy_ops.check_seq2col_lengths(NumpyOps(), None, 5), [5])
    assert_array_equal(numpy_ops.check_seq2col_lengths(NumpyOps(), [2, 3], 5), [2, 3])
    with pytest.raises(AssertionError):
        numpy_ops.check_seq2col_lengths(NumpyOps(), numpy.array([2, 2]), 5)


def test_clip_gradient():
    gradient = numpy.array([3, 4], dtype="f")
    assert numpy_ops.cpu_clip_gradient(gradient, 6.0) is None
    assert_array_equal(gradient, [3, 4])
    numpy_ops.cpu_clip_gradient(gradient, 2.5)
    assert_allclose(gradient, [1.5, 2])


@pytest.mark.parametrize("shape", [(20000,), (100, 200)])
def test_gradient_noise(shape):
    numpy.random.seed(0)
    gradient = numpy.zeros(shape, dtype="f")
    numpy_ops.add_gradient_noise(gradient, 2.0, 3)
    assert gradient.dtype == "float32"
    assert_allclose(gradient.std(), 2.0 / 4**0.55, rtol=0.03)
    numpy_ops.add_gradient_noise(gradient[...], 1e-7, 0)
    again = gradient.copy()
    numpy_ops.add_gradient_noise(gradient, 1e-7, 0)
    assert_array_equal(gradient, again)


ROWS = [[1.0, 2.0], [3.0, 4.0]]
CALLS = {
    "gemm": (ROWS, ROWS),
    "relu": (ROWS,),
    "backprop_relu": (ROWS, ROWS),
    "mish": (ROWS,),
    "backprop_mish": (ROWS, ROWS),
    "maxout": ([ROWS],),
    "backprop_maxout": (ROWS, [[0, 0], [0, 0]], 1),
    "seq2col": (ROWS, 1),
    "backprop_seq2col": (ROWS, 0),
    "reduce_sum": (ROWS, [2]),
    "reduce_mean": (ROWS, [2]),
    "reduce_max": (ROWS, [2]),
    "backprop_reduce_sum": (ROWS, [1, 1]),
    "backprop_reduce_mean": (ROWS, [1, 1]),
    "backprop_reduce_max": (ROWS, [[0, 0], [0, 0]], [1, 1]),
    "gather_add": (ROWS, [[0]]),
    "scatter_add": (ROWS, [0, 1], ROWS),
    "adam": ([1.0], [1.0], [0.0], [0.0], 0.9, 0.999, 1e-8, 0.1),
}


@pytest.mark.parametrize("name", CALLS)
def test_lists_are_no_arrays(name):
    with pytest.raises(TypeError):
        getattr(NumpyOps(), name)(*CALLS[name])
    with pytest.raises(TypeError):
        getattr(NumpyOps(), name)(None, *CALLS[name][1:])
