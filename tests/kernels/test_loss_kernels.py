"""Loss kernels on every instruction set, at sizes around the vectors and the blocks."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thinc.kernels.losses
from helpers.loss_twins import check, cosine_twin, expected_gradient, labels_of, largest, probabilities
from thinc.backends import NumpyOps
from thinc.loss import CategoricalCrossentropy, CosineDistance, L2Distance, SequenceCategoricalCrossentropy

pytestmark = pytest.mark.usefixtures("isa")

WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65, 2047, 2048, 2049, 5000]


@pytest.mark.parametrize("classes", WIDTHS)
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_labels(rows, classes, dtype):
    guesses, labels = probabilities(rows, classes, dtype=dtype), labels_of(rows, classes)
    mask = numpy.ones((rows, 1))
    mask[1::2] = 0
    target = numpy.eye(classes)[labels]
    labels[1::2] = -1
    loss = CategoricalCrossentropy(missing_value=-1, normalize=False)
    check(loss(guesses, labels), expected_gradient(guesses, target, mask))


@pytest.mark.parametrize("classes", WIDTHS)
@pytest.mark.parametrize("missing", [None, 0])
def test_distributions(classes, dtype, missing):
    guesses, truths = probabilities(3, classes, dtype=dtype), probabilities(3, classes, 1, dtype=dtype)
    truths[1, 0] = 1
    mask = 1.0 if missing is None else (truths.argmax(axis=1) != 0)[:, None]
    check(
        CategoricalCrossentropy(missing_value=missing, normalize=False)(guesses, truths),
        expected_gradient(guesses, truths, mask),
        rtol=1e-5,
    )


@pytest.mark.parametrize("classes", [1, 5, 16, 17, 33, 2049])
def test_ranges(classes, dtype):
    for column in {0, classes // 2, classes - 1}:
        for value in (-1e-6, 1 + 1e-6, numpy.inf, -numpy.inf):
            guesses, truths = probabilities(2, classes, dtype=dtype), probabilities(2, classes, dtype=dtype)
            for array, match in ((guesses, "guesses"), (truths, "truth")):
                good = array[1, column]
                array[1, column] = value
                with pytest.raises(ValueError, match=f"Cannot calculate.*{match}"):
                    CategoricalCrossentropy()(guesses, truths)
                array[1, column] = good
            guesses[1, column] = value
            for label in (0, -1):
                with pytest.raises(ValueError, match=r"Cannot calculate.*guesses"):
                    CategoricalCrossentropy(missing_value=-1)(guesses, [0, label])
    edges = numpy.array([[0.0, 1.0, -0.0] * classes], dtype=dtype)
    assert numpy.isfinite(CategoricalCrossentropy()(edges, edges)[1])


def test_nan_passes_at_every_position(dtype):
    for column in range(40):
        guesses = probabilities(1, 40, dtype=dtype)
        guesses[0, column] = numpy.nan
        for truths in ([3], probabilities(1, 40, dtype=dtype)):
            gradient, loss = CategoricalCrossentropy()(guesses, truths)
            assert_array_equal(numpy.isnan(gradient), numpy.isnan(guesses))
            assert numpy.isnan(loss)


def test_many_rows(dtype):
    guesses, labels = probabilities(5000, 10, dtype=dtype), labels_of(5000, 10)
    labels[100:105] = -1
    labels[777::778] = -1
    mask = (labels >= 0)[:, None]
    target = numpy.eye(10)[labels]
    loss = CategoricalCrossentropy(missing_value=-1)
    check(loss(guesses, labels), expected_gradient(guesses, target, mask, 5000))
    rows = numpy.arange(0, 5000, 50)
    together = SequenceCategoricalCrossentropy(missing_value=-1, normalize=False)
    gradients, scalar = together(
        [guesses[i : i + 50] for i in rows], [labels[i : i + 50].tolist() for i in rows]
    )
    check((numpy.concatenate(gradients), scalar), expected_gradient(guesses, target, mask))


@pytest.mark.parametrize("n", [0, *WIDTHS])
def test_squared_error(n, dtype):
    rng = numpy.random.default_rng(0)
    X, Y = rng.normal(size=(2, n)).astype(dtype), rng.normal(size=(2, n)).astype(dtype)
    check(L2Distance()(X, Y), (X.astype("float64") - Y) / 2, rtol=1e-5)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("ignore_zeros", [True, False])
def test_cosine(width, ignore_zeros, dtype):
    rng = numpy.random.default_rng(0)
    X, Y = rng.normal(size=(3, width)).astype(dtype), rng.normal(size=(3, width)).astype(dtype)
    Y[1] = 0
    gradient, scalar, cos = cosine_twin(X, Y, True, ignore_zeros)
    loss = CosineDistance(ignore_zeros=ignore_zeros)
    tolerance = 1e-5 if dtype == "float32" else 1e-7
    result = loss(X, Y)
    assert_allclose(result[0], gradient, rtol=tolerance, atol=tolerance * largest(X, gradient))
    assert_allclose(result[1], scalar, rtol=tolerance, atol=1e-12)
    assert_allclose(loss.get_similarity(X, Y), cos, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("value", [1e-30, 1e30])
def test_cosine_of_extreme_values(value, dtype):
    X = numpy.full((1, 20), value, dtype=dtype)
    assert_allclose(CosineDistance().get_similarity(X, X), 1)
    assert CosineDistance().get_loss(X, X) == 0


@pytest.mark.parametrize("n", WIDTHS)
def test_logloss(n, dtype):
    rng = numpy.random.default_rng(n)
    truths, guesses = rng.uniform(size=(2, n)).astype(dtype)
    guesses[rng.integers(n)] = 0
    guesses[rng.integers(n)] = 1
    found = NumpyOps().logloss(truths, guesses)
    t, p, shift = truths.astype("float64"), guesses.astype("float64"), numpy.dtype(dtype).type(1e-8)
    # The arguments of the logarithms are rounded as they are in the type of the arrays.
    expected = -(t * numpy.log((guesses + shift).astype("float64")))
    expected -= (1 - t) * numpy.log(((1 - guesses) + shift).astype("float64"))
    assert found.dtype == dtype
    scale = numpy.abs(t * numpy.log(p + 1e-8)) + numpy.abs((1 - t) * numpy.log(1 - p + 1e-8)) + 1e-8
    assert numpy.max(numpy.abs(found - expected) / scale) <= 4 * numpy.finfo(dtype).eps
    assert_array_equal(NumpyOps().logloss(numpy.repeat(truths, 2)[::2], numpy.repeat(guesses, 2)[::2]), found)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_logloss_of_unusual_numbers(dtype):
    guesses = numpy.array([-1, 2, numpy.nan, 0.5, 0.5, numpy.inf], dtype=dtype)
    truths = numpy.array([0.5, 0.5, 0.5, numpy.nan, 0, 0.5], dtype=dtype)
    found = NumpyOps().logloss(truths, guesses)
    assert_array_equal(numpy.isnan(found), [True, True, True, True, False, True])
    assert_allclose(found[4], numpy.log(2), rtol=1e-6)
    assert NumpyOps().logloss(truths[:0], guesses[:0]).shape == (0,)
    # other types, and shapes that are not the same, as the formula has them
    assert_allclose(NumpyOps().logloss(truths[4], guesses[3:5]), numpy.log(2), rtol=1e-6)
    assert_allclose(NumpyOps().logloss(numpy.array([0, 1]), guesses[3:5]), numpy.log(2), rtol=1e-6)


def test_codes_that_do_not_fit_the_rows_are_refused():
    guesses = probabilities(4, 3)
    for codes in (numpy.zeros(3, dtype="int64"), numpy.zeros(4, dtype="int32"), numpy.zeros(8, "int64")[::2]):
        with pytest.raises(ValueError, match="one int64 code per row"):
            thinc.kernels.losses.labels_gradient([guesses], [codes], [(1.0, 0.0)], 1.0)


class Liar(list):
    def __len__(self):
        return 10


def test_labels_that_end_early():
    for labels in (Liar([1, 2]), Liar(["a", "b"])):
        with pytest.raises(ValueError, match="fewer labels"):
            CategoricalCrossentropy(names=["a", "b", "c"])(probabilities(10, 3), labels)


def test_interface_for_cython():
    functions = thinc.kernels.losses.__pyx_capi__
    names = {name.split("[")[0] for name in functions if not name.startswith("__pyx")}
    assert names == {"cross_entropy_labels", "cross_entropy_soft", "squared_error", "cosine"}
