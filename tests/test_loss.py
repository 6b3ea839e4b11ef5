"""Losses: gradients and scalars against plain formulas in float64, truths of every kind, errors."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thinc.loss
from helpers.loss_twins import check, cosine_twin, expected_gradient, labels_of, largest, probabilities
from thinc.config import registry
from thinc.loss import (
    CategoricalCrossentropy,
    CosineDistance,
    HuberLoss,
    L2Distance,
    Loss,
    SequenceCategoricalCrossentropy,
)

GUESSES = numpy.array([[0.1, 0.5, 0.6], [0.4, 0.6, 0.3], [1, 1, 1], [0, 0, 0]], dtype="float32")
LABELS = [2, 1, 0, 2]
ONE_HOT = numpy.eye(3, dtype="float32")[LABELS]
NAMES = ["a", "b", "c"]


# --- cross-entropy: truths of every kind


class Series:
    """What pandas gives after a split: a sequence of which the items have other indices than 0, 1, ..."""

    def __init__(self, values):
        self.values = dict(enumerate(values, 7))

    def __len__(self):
        return len(self.values)

    def __iter__(self):
        return iter(self.values.values())

    def __getitem__(self, index):
        return self.values[index]


FORMS = {
    "list": LABELS,
    "series": Series(LABELS),
    "series of names": Series(NAMES[i] for i in LABELS),
    "series of rows": Series(ONE_HOT),
    "tuple": tuple(LABELS),
    "numpy ints in a list": list(numpy.array(LABELS)),
    "int64": numpy.array(LABELS),
    "int32": numpy.array(LABELS, dtype="int32"),
    "uint8": numpy.array(LABELS, dtype="uint8"),
    "strided": numpy.repeat(LABELS, 2)[::2],
    "names": [NAMES[i] for i in LABELS],
    "tuple of names": tuple(NAMES[i] for i in LABELS),
    "one-hot": ONE_HOT,
    "one-hot float64": ONE_HOT.astype("float64"),
    "one-hot int": ONE_HOT.astype("int64"),
    "one-hot bool": ONE_HOT.astype(bool),
    "one-hot in Fortran order": numpy.asfortranarray(ONE_HOT),
    "nested lists": ONE_HOT.tolist(),
    "list of arrays": list(ONE_HOT),
}


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_edge_training_2_forms_of_truths(form, normalize):
    loss = CategoricalCrossentropy(normalize=normalize, names=NAMES)
    expected = expected_gradient(GUESSES, ONE_HOT, divisor=4 if normalize else 1)
    check(loss(GUESSES, FORMS[form]), expected)
    assert_array_equal(loss.get_grad(GUESSES, FORMS[form]), loss(GUESSES, FORMS[form])[0])
    assert loss.get_loss(GUESSES, FORMS[form]) == loss(GUESSES, FORMS[form])[1]
    target, mask = loss.convert_truths(FORMS[form], GUESSES)
    assert_array_equal(target, ONE_HOT)
    assert_array_equal(mask, numpy.ones((4, 3)))


def test_reference_values():
    gradient, loss = CategoricalCrossentropy()(GUESSES, LABELS)
    assert_allclose(gradient[1], [0.1, -0.1, 0.075], rtol=1e-6)
    assert_allclose(loss, 0.239375, rtol=1e-6)
    assert_allclose(CategoricalCrossentropy(missing_value=0)(GUESSES, LABELS)[1], 0.114375, rtol=1e-6)


@pytest.mark.parametrize(
    "dtype, result", [("float32", "float32"), ("float64", "float64"), ("float16", "float32")]
)
@pytest.mark.parametrize(
    "truths", [LABELS, ONE_HOT, ONE_HOT.astype("float64")], ids=["labels", "soft", "soft64"]
)
def test_dtypes(truths, dtype, result):
    gradient, loss = CategoricalCrossentropy()(GUESSES.astype(dtype), truths)
    assert gradient.dtype == loss.dtype == result


@pytest.mark.parametrize("rows, classes", [(1, 1), (1, 7), (5, 16), (3, 17), (64, 33), (9, 5000), (2000, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sizes(rows, classes, dtype):
    guesses, labels = probabilities(rows, classes, dtype=dtype), labels_of(rows, classes)
    target = numpy.eye(classes)[labels]
    check(CategoricalCrossentropy()(guesses, labels), expected_gradient(guesses, target, divisor=rows))
    soft = probabilities(rows, classes, seed=3)
    check(CategoricalCrossentropy()(guesses, soft), expected_gradient(guesses, soft, divisor=rows), rtol=1e-4)


def test_perfect_guesses_give_exactly_zero():
    for truths in (LABELS, ONE_HOT):
        gradient, loss = CategoricalCrossentropy()(ONE_HOT, truths)
        assert not gradient.any()
        assert loss == 0


def test_read_only_and_strided_guesses_stay_as_they_are():
    guesses = numpy.asfortranarray(GUESSES)
    guesses.flags.writeable = False
    check(CategoricalCrossentropy()(guesses, LABELS), expected_gradient(GUESSES, ONE_HOT, divisor=4))
    guesses = numpy.repeat(GUESSES, 2, axis=1)[:, ::2]
    gradient, _ = CategoricalCrossentropy()(guesses, LABELS)
    assert_array_equal(guesses, GUESSES)
    assert not numpy.shares_memory(gradient, guesses)


def test_more_dimensions():
    guesses = probabilities(12, 5).reshape(3, 4, 5)
    labels = labels_of(12, 5).reshape(3, 4)
    target = numpy.eye(5)[labels]
    check(CategoricalCrossentropy()(guesses, labels), expected_gradient(guesses, target, divisor=3))
    check(CategoricalCrossentropy()(guesses, target), expected_gradient(guesses, target, divisor=3))


@pytest.mark.parametrize(
    "truths", [[], (), numpy.zeros(0, dtype="int32"), numpy.zeros((0, 3), dtype="float32")]
)
def test_no_rows(truths):
    gradient, loss = CategoricalCrossentropy()(numpy.zeros((0, 3), dtype="float32"), truths)
    assert gradient.shape == (0, 3)
    assert gradient.dtype == "float32"
    assert loss == 0


# --- missing labels, negated labels, smoothing


@pytest.mark.parametrize(
    "missing, labels",
    [
        (0, [2, 0, 1, 0]),
        (-1, [2, -1, 1, -1]),
        (255, [2, 255, 1, 255]),
        (None, ["c", None, "b", None]),
        ("", ["c", "", "b", ""]),
    ],
)
def test_missing_labels(missing, labels):
    loss = CategoricalCrossentropy(missing_value=missing, names=NAMES)
    kept = numpy.array([1, 0, 1, 0])[:, None]
    target = numpy.eye(3)[[2, 0, 1, 0]]
    check(loss(GUESSES, labels), expected_gradient(GUESSES, target, kept, 4))
    assert_array_equal(loss.convert_truths(labels, GUESSES)[1], numpy.broadcast_to(kept, (4, 3)))
    if isinstance(missing, int):
        check(loss(GUESSES, numpy.array(labels)), expected_gradient(GUESSES, target, kept, 4))


def test_edge_training_8_missing_rows_of_distributions():
    truths = numpy.array([[0.1, 0.9, 0], [0.8, 0.2, 0], [0, 0, 0], [0, 0, 1]], dtype="float32")
    kept = numpy.array([1, 0, 0, 1])[:, None]
    loss = CategoricalCrossentropy(missing_value=0)
    check(loss(GUESSES, truths), expected_gradient(GUESSES, truths, kept, 4))
    assert_array_equal(loss.convert_truths(truths, GUESSES)[1], numpy.broadcast_to(kept, (4, 3)))


def test_all_missing():
    gradient, loss = CategoricalCrossentropy(missing_value=-1)(GUESSES, [-1] * 4)
    assert not gradient.any()
    assert loss == 0


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_edge_training_4_negated_labels(smoothing):
    loss = CategoricalCrossentropy(names=NAMES, neg_prefix="!", label_smoothing=smoothing)
    labels = ["a", "!b", None, "!c"]
    target = numpy.full((4, 3), smoothing / 2)
    target[0, 0] = 1 - smoothing
    target[1, 1] = target[3, 2] = 0
    mask = numpy.array([[1, 1, 1], [0, 1, 0], [0, 0, 0], [0, 0, 1]])
    check(loss(GUESSES, labels), expected_gradient(GUESSES, target, mask, 4))
    converted, converted_mask = loss.convert_truths(labels, GUESSES)
    assert_array_equal(converted_mask, mask)
    assert_allclose(converted * mask, target * mask, rtol=1e-6)


def test_empty_negation_prefix_negates_nothing():
    loss = CategoricalCrossentropy(names=NAMES, neg_prefix="")
    check(loss(GUESSES, ["c", "b", "a", "c"]), expected_gradient(GUESSES, ONE_HOT, divisor=4))


def test_label_smoothing():
    loss = CategoricalCrossentropy(label_smoothing=0.2)
    target = ONE_HOT * 0.8 + (1 - ONE_HOT) * 0.1
    check(loss(GUESSES, LABELS), expected_gradient(GUESSES, target, divisor=4))
    check(loss(GUESSES, numpy.array(LABELS)), expected_gradient(GUESSES, target, divisor=4))


@pytest.mark.parametrize(
    "smoothing, match",
    [(-0.1, "label_smoothing parameter"), (0.7, "label_smoothing parameter")],
)
def test_impossible_smoothing(smoothing, match):
    with pytest.raises(ValueError, match=match):
        CategoricalCrossentropy(label_smoothing=smoothing)(GUESSES, LABELS)


def test_smoothing_needs_two_classes():
    with pytest.raises(ValueError, match=r"n_classes should be greater than 1.*label smoothing.*but 1"):
        CategoricalCrossentropy(label_smoothing=0.1)(GUESSES[:, :1], [0, 0, 0, 0])


def test_no_classes():
    with pytest.raises(ValueError, match=r"n_classes should be at least 1"):
        CategoricalCrossentropy()(numpy.zeros((0, 0), dtype="float32"), [])


def test_edge_training_6_names_need_not_cover_the_classes():
    loss = CategoricalCrossentropy(names=["a"], neg_prefix="!")
    check(loss(GUESSES, LABELS), expected_gradient(GUESSES, ONE_HOT, divisor=4))
    assert CategoricalCrossentropy(names=["a", "b", "a"])._name_to_i == {"a": 2, "b": 1}
    assert CategoricalCrossentropy()._name_to_i == {}


def test_edge_training_5_truths_stay_as_they_are():
    truths = numpy.array([[0, 1, -1.0]] * 4, dtype="float32")
    with pytest.raises(ValueError, match=r"Cannot calculate.*truth"):
        CategoricalCrossentropy(names=NAMES)(GUESSES, truths)
    assert_array_equal(truths, [[0, 1, -1.0]] * 4)


# --- surprises


@pytest.mark.parametrize("n", [1, 2, 8])
def test_edge_training_1_the_loss_is_the_sum_of_squared_gradients(n):
    guesses, truths = numpy.concatenate([GUESSES] * n), LABELS * n
    single = CategoricalCrossentropy(normalize=False).get_loss(GUESSES, LABELS)
    assert_allclose(CategoricalCrossentropy(normalize=False).get_loss(guesses, truths), n * single, rtol=1e-6)
    # The gradient is divided by the number of rows, and so the loss by its square.
    assert_allclose(CategoricalCrossentropy().get_loss(guesses, truths), n * single / (4 * n) ** 2, rtol=1e-6)


@pytest.mark.parametrize("missing", [None, -1])
@pytest.mark.parametrize("make", [list, numpy.array])
def test_edge_training_3_negative_labels_are_no_classes(missing, make):
    loss = CategoricalCrossentropy(missing_value=missing)
    labels = make([2, 1, 0, -2])
    with pytest.raises(IndexError, match="Label -2"):
        loss(GUESSES, labels)
    if missing is None:
        with pytest.raises(IndexError, match="Label -1"):
            loss(GUESSES, make([2, 1, 0, -1]))


@pytest.mark.parametrize("labels", [[2, 1, None, 0], [None, 2, 1, 0]])
def test_edge_training_7_none_among_numbers_is_an_error_that_names_it(labels):
    with pytest.raises((TypeError, ValueError), match=r"None|names"):
        CategoricalCrossentropy()(GUESSES, labels)


# --- errors

TOO_BIG, TOO_SMALL = GUESSES + 1, GUESSES - 1
ERRORS = [
    (GUESSES, [0, 1], ValueError, "^Cannot calculate CategoricalCrossentropy loss.*mismatched shapes"),
    (GUESSES, ONE_HOT[:2], ValueError, "^Cannot calculate CategoricalCrossentropy loss.*mismatched shapes"),
    (
        GUESSES,
        ONE_HOT[:, :2],
        ValueError,
        "^Cannot calculate CategoricalCrossentropy loss.*mismatched shapes",
    ),
    (GUESSES, [], ValueError, "mismatched shapes"),
    (GUESSES, numpy.zeros(4), ValueError, "mismatched shapes"),
    (TOO_BIG, LABELS, ValueError, "Cannot calculate.*guesses"),
    (TOO_SMALL, LABELS, ValueError, "Cannot calculate.*guesses"),
    (TOO_BIG, ONE_HOT, ValueError, "Cannot calculate.*guesses"),
    (TOO_BIG, ONE_HOT + 1, ValueError, "Cannot calculate.*guesses"),
    (GUESSES, ONE_HOT + 1, ValueError, "Cannot calculate.*truth"),
    (GUESSES, ONE_HOT - 1, ValueError, "Cannot calculate.*truth"),
    (GUESSES, [2, 1, 0, 3], IndexError, "Label 3"),
    (GUESSES, numpy.array([2, 1, 0, 3]), IndexError, "Label 3"),
    (GUESSES, [2, 1, 0, -2], IndexError, "Label -2"),
    (TOO_BIG, [2, 1, 3], IndexError, "Label 3"),
    (TOO_BIG, [2, 1], ValueError, "mismatched shapes"),
    (GUESSES, ["a", "b", "c", "a"], ValueError, "names"),
    (GUESSES, [None, "b", "c", "a"], ValueError, "names"),
    (GUESSES, [1, None, 2, 0], TypeError, "None"),
    (GUESSES, "abca", ValueError, None),
    (GUESSES, 3, TypeError, "truths"),
    (GUESSES.tolist(), LABELS, ValueError, "guesses must be an array"),
]


@pytest.mark.parametrize("guesses, truths, error, match", ERRORS)
def test_errors(guesses, truths, error, match):
    if isinstance(truths, str):
        error = TypeError
    with pytest.raises(error, match=match):
        CategoricalCrossentropy()(guesses, truths)
    with pytest.raises(error, match=match):
        SequenceCategoricalCrossentropy()([guesses], [truths])


@pytest.mark.parametrize("label", ["d", "!d", "", None])
def test_unknown_names(label):
    loss = CategoricalCrossentropy(names=NAMES, neg_prefix="!", missing_value="?")
    with pytest.raises(KeyError):
        loss(GUESSES, ["a", "?", label, "a"])


def test_names_beyond_the_classes():
    with pytest.raises(IndexError):
        CategoricalCrossentropy(names=["a", "b", "c", "d"])(GUESSES, ["a", "a", "a", "d"])


def test_smoothing_of_distributions_is_refused():
    with pytest.raises(ValueError, match="smoothing"):
        CategoricalCrossentropy(label_smoothing=0.1)(GUESSES, ONE_HOT)


def test_range_is_checked_in_masked_rows_and_the_last_columns():
    guesses = probabilities(3, 37)
    for column in (0, 20, 36):
        bad = guesses.copy()
        bad[1, column] = 1.5
        with pytest.raises(ValueError, match=r"Cannot calculate.*guesses"):
            CategoricalCrossentropy(missing_value=-1)(bad, [3, -1, 4])


def test_nan_passes():
    guesses = GUESSES.copy()
    guesses[0, 1] = numpy.nan
    for truths in (LABELS, ONE_HOT):
        gradient, loss = CategoricalCrossentropy()(guesses, truths)
        assert numpy.isnan(gradient[0, 1])
        assert numpy.isnan(gradient).sum() == 1
        assert numpy.isnan(loss)


# --- sequences


def test_sequence_reference_values():
    loss = SequenceCategoricalCrossentropy()
    guesses = [GUESSES, numpy.array([[0.2, 0.3, 0]], dtype="float32")]
    gradients, scalar = loss(guesses, [LABELS, [1]])
    assert_allclose(scalar, 1.09, rtol=1e-6)
    assert [g.shape for g in gradients] == [(4, 3), (1, 3)]
    assert_allclose(gradients[1], [[0.1, -0.35, 0]], rtol=1e-6)


SEQUENCE_TRUTHS = [
    [LABELS, [1]],
    [["c", "b", "a", "c"], ["b"]],
    [numpy.array(LABELS), numpy.array([1])],
    [ONE_HOT, numpy.array([[0, 1, 0]])],
    [LABELS, ["b"]],
    [ONE_HOT, [1]],
    (tuple(LABELS), (1,)),
]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("truths", SEQUENCE_TRUTHS)
def test_sequences_are_their_items(truths, normalize):
    loss = SequenceCategoricalCrossentropy(normalize=normalize, names=NAMES)
    guesses = [GUESSES, GUESSES[:1]]
    gradients, scalar = loss(guesses, truths)
    divisor = 2 if normalize else 1
    single = CategoricalCrossentropy(normalize=False, names=NAMES)
    total = 0.0
    for gradient, X, Y in zip(gradients, guesses, truths, strict=True):
        expected = single(X, Y)[0] / divisor
        assert_allclose(gradient, expected, rtol=1e-6)
        total += (expected.astype("float64") ** 2).sum()
    assert_allclose(scalar, total, rtol=1e-5)
    assert isinstance(gradients, list)
    assert_array_equal(loss.get_grad(guesses, truths)[1], gradients[1])
    assert loss.get_loss(guesses, truths) == scalar


def test_sequences_of_different_types_and_widths():
    loss = SequenceCategoricalCrossentropy(normalize=False, label_smoothing=0.1)
    guesses = [probabilities(3, 4), probabilities(2, 7), probabilities(2, 4, dtype="float64")]
    truths = [[0, 1, 2], [6, 5], [3, 3]]
    gradients, _ = loss(guesses, truths)
    single = CategoricalCrossentropy(normalize=False, label_smoothing=0.1)
    for gradient, X, Y in zip(gradients, guesses, truths, strict=True):
        assert_array_equal(gradient, single(X, Y)[0])
    gradients, _ = loss(guesses[:2], truths[:2])
    for gradient, X, Y in zip(gradients, guesses, truths, strict=False):
        assert_array_equal(gradient, single(X, Y)[0])


def test_sequences_as_spacy_uses_them():
    loss = SequenceCategoricalCrossentropy(names=NAMES, normalize=False, neg_prefix="!", label_smoothing=0.0)
    gradients, scalar = loss([GUESSES, GUESSES[:2]], [["a", None, "!b", "c"], ["b", None]])
    assert not gradients[0][1].any()
    assert_allclose(gradients[0][2], [0, 1, 0])
    assert float(scalar) > 0
    assert not numpy.isnan(scalar)
    loss = SequenceCategoricalCrossentropy(normalize=False)
    assert_allclose(loss([GUESSES], [ONE_HOT])[0][0], GUESSES - ONE_HOT)
    loss = SequenceCategoricalCrossentropy(names=NAMES, missing_value=-1)
    assert not loss([GUESSES], [[-1, 0, -1, 1]])[0][0][[0, 2]].any()


def test_no_sequences():
    loss = SequenceCategoricalCrossentropy()
    assert loss.get_grad([], []) == []
    assert loss.get_loss([], []) == 0.0
    gradients, scalar = loss([numpy.zeros((0, 3), dtype="float32"), GUESSES], [[], LABELS])
    assert gradients[0].shape == (0, 3)
    assert scalar > 0


def test_sequences_of_different_numbers():
    with pytest.raises(ValueError, match="length"):
        SequenceCategoricalCrossentropy()([GUESSES], [LABELS, [1]])


def test_sequence_arguments():
    loss = SequenceCategoricalCrossentropy(
        names=NAMES, missing_value=1, neg_prefix="!", label_smoothing=0.1, normalize=False
    )
    assert (loss.cc.names, loss.cc.missing_value, loss.cc.neg_prefix) == (NAMES, 1, "!")
    assert loss.cc.label_smoothing == 0.1
    assert loss.cc.normalize is False
    assert loss.normalize is False


# --- L2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 17), (70, 64), (0, 3), (2, 3, 4), (5,)])
def test_l2(shape, dtype):
    rng = numpy.random.default_rng(0)
    X, Y = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
    for normalize in (True, False):
        divisor = max(shape[0], 1) if normalize else 1
        check(L2Distance(normalize=normalize)(X, Y), (X.astype("float64") - Y) / divisor, rtol=1e-5)


def test_l2_reference_values():
    X, Y = numpy.array([[3.0, 4], [5, 1]]), numpy.array([[1.0, 2], [3, 1 + 8**0.5]])
    assert_allclose(L2Distance(normalize=False).get_loss(X, Y), 20)
    assert_allclose(L2Distance().get_loss(X, Y), 5)
    gradient, loss = L2Distance(normalize=False)(numpy.array([[3]]), numpy.array([[1]]))
    assert gradient.dtype.kind == "i"
    assert loss == 4
    assert L2Distance().get_grad(X.astype("float32"), Y).dtype == "float64"


@pytest.mark.parametrize("dtype", ["uint8", "uint32", "bool", "int8"])
@pytest.mark.parametrize("cls", [L2Distance, HuberLoss])
def test_unsigned_numbers_do_not_wrap_around(cls, dtype):
    X, Y = numpy.array([[1, 0], [0, 1], [0, 0]], dtype), numpy.array([[0, 1], [0, 1], [1, 0]], dtype)
    for normalize in (True, False):
        gradient, loss = cls(normalize=normalize)(X, Y)
        expected = cls(normalize=normalize)(X.astype("float64"), Y.astype("float64"))
        assert_allclose(gradient, expected[0])
        assert_allclose(loss, expected[1])


@pytest.mark.parametrize("cls", [L2Distance, HuberLoss, CosineDistance])
def test_scalars_of_half_precision_do_not_leave_its_range(cls):
    rng = numpy.random.default_rng(0)
    X, Y = (rng.normal(size=(40, 8), scale=100).astype("float16") for _ in range(2))
    X[3] = Y[4] = 0
    for normalize in (True, False):
        gradient, loss = cls(normalize=normalize)(X, Y)
        expected = cls(normalize=normalize)(X.astype("float64"), Y.astype("float64"))
        assert_allclose(gradient, expected[0], rtol=2e-3, atol=2e-3)
        assert_allclose(loss, expected[1], rtol=2e-3)


def test_l2_mismatch():
    for shape in [(3, 2), (6,), (1, 3)]:
        with pytest.raises(ValueError, match="shapes"):
            L2Distance()(numpy.zeros((2, 3)), numpy.zeros(shape))


# --- cosine


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("ignore_zeros", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 17), (40, 300), (0, 3), (5, 8)])
def test_cosine(shape, dtype, ignore_zeros, normalize):
    rng = numpy.random.default_rng(0)
    X, Y = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
    Y[1::3] = 0
    loss = CosineDistance(normalize=normalize, ignore_zeros=ignore_zeros)
    gradient, scalar, cos = cosine_twin(X, Y, normalize, ignore_zeros)
    result = loss(X, Y)
    tolerance = 1e-5 if dtype == "float32" else 1e-6
    assert_allclose(result[0], gradient, rtol=tolerance, atol=tolerance * largest(X, gradient))
    assert_allclose(result[1], scalar, rtol=tolerance, atol=1e-12)
    assert_allclose(loss.get_similarity(X, Y), cos, rtol=tolerance, atol=tolerance)
    assert result[0].dtype == dtype
    assert_array_equal(loss.get_grad(X, Y), result[0])
    assert loss.get_loss(X, Y) == result[1]
    assert loss.get_similarity(X, Y).shape == (shape[0], 1)


def test_cosine_reference_values():
    X = numpy.eye(2, dtype="float32")
    assert_allclose(CosineDistance().get_loss(X, X[::-1]), 1.0, rtol=1e-6)
    assert_allclose(CosineDistance(normalize=False).get_loss(X, X[::-1]), 2.0, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cosine_of_equal_rows_is_exact(dtype):
    X = numpy.random.default_rng(0).normal(size=(20, 37)).astype(dtype)
    gradient, loss = CosineDistance()(X, X)
    assert not gradient.any()
    assert loss == 0


def test_cosine_of_integers():
    X, Y = numpy.array([[1, 2], [3, 4]]), numpy.array([[0, 0], [4, 3]])
    gradient, loss = CosineDistance(ignore_zeros=True)(X, Y)
    expected = cosine_twin(X, Y, True, True)
    assert_allclose(gradient, expected[0])
    assert_allclose(loss, expected[1])


def test_cosine_mismatch():
    X = numpy.zeros((2, 3), dtype="float32")
    for method in ("__call__", "get_grad", "get_loss", "get_similarity"):
        with pytest.raises(ValueError, match="shapes"):
            getattr(CosineDistance(), method)(X, X.T)


# --- numeric gradients


def test_gradients_point_down():
    rng = numpy.random.default_rng(0)
    X, Y = rng.random((4, 6)), rng.random((4, 6))
    h = 1e-6
    for loss, factor in ((L2Distance(normalize=False), 2), (CosineDistance(normalize=False), 1)):
        gradient = loss.get_grad(X, Y)
        for index in [(0, 0), (3, 5), (2, 1)]:
            up, down = X.copy(), X.copy()
            up[index] += h
            down[index] -= h
            numeric = (float(loss.get_loss(up, Y)) - float(loss.get_loss(down, Y))) / (2 * h)
            assert_allclose(factor * gradient[index], numeric, rtol=1e-5, atol=1e-8)


# --- surface


PAIR = (numpy.eye(2, dtype="float32"), numpy.eye(2, dtype="float32")[::-1])
CALLS = [
    (CategoricalCrossentropy, PAIR),
    (SequenceCategoricalCrossentropy, ([PAIR[0]], [[1, 0]])),
    (L2Distance, PAIR),
    (CosineDistance, PAIR),
]


@pytest.mark.parametrize(("cls", "data"), CALLS)
def test_subclasses_may_override_each_method(cls, data):
    class OwnCall(cls):
        def __call__(self, guesses, truths):
            return self.get_grad(guesses, truths), self.get_loss(guesses, truths)

    class OwnGradient(cls):
        def get_grad(self, guesses, truths):
            return ["own", super().get_grad(guesses, truths)]

    class OwnLoss(cls):
        def get_loss(self, guesses, truths):
            return super().get_loss(guesses, truths) * 3

    gradient, loss = cls()(*data)
    assert loss > 0
    for result in (OwnCall()(*data), OwnLoss()(*data)):
        assert_array_equal(result[0], gradient)
    assert OwnCall()(*data)[1] == loss
    assert OwnLoss()(*data)[1] == 3 * loss
    own, inherited = OwnGradient()(*data)[0]
    assert own == "own"
    assert_array_equal(inherited, gradient)


@pytest.mark.parametrize("cls", [CategoricalCrossentropy, L2Distance, CosineDistance])
@pytest.mark.parametrize("bad", [None, [[0.5, 0.5]], 0.5, numpy.float32(0.5), numpy.array(0.5, dtype="f")])
def test_guesses_that_are_no_array_of_rows(cls, bad):
    for loss in (cls(), SequenceCategoricalCrossentropy()):
        is_sequence = isinstance(loss, SequenceCategoricalCrossentropy)
        with pytest.raises(ValueError, match="Cannot calculate"):
            loss([bad] if is_sequence else bad, [[1]] if is_sequence else numpy.ones((1, 2), dtype="f"))


def test_distances_to_what_is_no_array():
    X = numpy.ones((2, 2), dtype="f")
    for loss in (L2Distance(), L2Distance(normalize=False), CosineDistance()):
        with pytest.raises(ValueError, match=r"Cannot calculate.*expected two arrays.*list"):
            loss(X, X.tolist())
    with pytest.raises(ValueError, match=r"at least 2 dimensions.*\(2,\)"):
        CosineDistance()(X[0], X[0])
    assert L2Distance(normalize=False)(numpy.array(1.0), numpy.array(3.0))[1] == 4


def test_huge_labels_are_no_classes():
    X = numpy.full((2, 3), 0.25, dtype="f")
    for label in (2**40, 10**30, -(10**30)):
        with pytest.raises(IndexError, match=f"{label}.*no class"):
            CategoricalCrossentropy()(X, [0, label])
    plain = CategoricalCrossentropy()(X, [0, 1])[0]
    assert_array_equal(CategoricalCrossentropy(missing_value=10**30)(X, [0, 1])[0], plain)


def test_smoothing_must_be_a_number():
    X = numpy.full((2, 3), 0.25, dtype="f")
    with pytest.raises(ValueError, match="label_smoothing"):
        CategoricalCrossentropy(label_smoothing=float("nan"))(X, [0, 1])


def test_base_class():
    assert isinstance(Loss(anything=1), Loss)
    assert Loss.get_grad.__isabstractmethod__ and Loss.get_loss.__isabstractmethod__
    with pytest.raises(NotImplementedError):
        Loss().get_grad(1, 2)
    for cls in (CategoricalCrossentropy, SequenceCategoricalCrossentropy, L2Distance, CosineDistance):
        assert issubclass(cls, Loss)
    assert hasattr(thinc.loss, "IntsOrFloats")
    assert hasattr(thinc.loss, "IntsOrFloatsOrStrs")


class Halves(Loss):
    def get_grad(self, guesses, truths):
        return guesses / 2

    def get_loss(self, guesses, truths):
        return 7.0


def test_losses_of_users():
    assert Halves()(4.0, None) == (2.0, 7.0)


ARGUMENTS = {
    "CategoricalCrossentropy.v1": ["normalize", "names", "missing_value"],
    "CategoricalCrossentropy.v2": ["normalize", "names", "missing_value", "neg_prefix"],
    "CategoricalCrossentropy.v3": ["normalize", "names", "missing_value", "neg_prefix", "label_smoothing"],
    "SequenceCategoricalCrossentropy.v1": ["normalize", "names"],
    "SequenceCategoricalCrossentropy.v2": ["normalize", "names", "neg_prefix"],
    "SequenceCategoricalCrossentropy.v3": [
        "normalize",
        "names",
        "missing_value",
        "neg_prefix",
        "label_smoothing",
    ],
    "L2Distance.v1": ["normalize"],
    "CosineDistance.v1": ["normalize", "ignore_zeros"],
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_registered_losses(name):
    filled = registry.fill({"loss": {"@losses": name}})["loss"]
    assert list(filled) == ["@losses", *ARGUMENTS[name]]
    loss = registry.resolve({"loss": {"@losses": name, "normalize": False}})["loss"]
    assert type(loss).__name__ == name[:-3]
    assert loss.normalize is False
    suffix = name[:-3] if "Distance" in name else name.replace(".", "_")
    assert isinstance(getattr(thinc.loss, f"configure_{suffix}")(), type(loss))
    if "label_smoothing" in ARGUMENTS[name]:
        loss = registry.resolve({"loss": {"@losses": name, "label_smoothing": 0.1, "names": NAMES}})["loss"]
        assert getattr(loss, "cc", loss).label_smoothing == 0.1
        assert list(getattr(loss, "cc", loss).names) == NAMES
