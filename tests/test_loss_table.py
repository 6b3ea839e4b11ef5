"""Losses whose gradient is that of their scalar: numeric gradients, and what they have in common."""

import pickle

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thinc.loss
from helpers.gradcheck import assert_gradient
from helpers.loss_table import LOSSES, names_of, softmax
from helpers.loss_twins import labels_of, probabilities
from thinc.config import Config, registry
from thinc.loss import (
    BinaryCrossEntropy,
    CategoricalCrossentropy,
    CategoricalCrossentropy_v4,
    FocalLoss,
    HuberLoss,
    InfoNCE,
    KLDivergence,
    Loss,
    MarginRankingLoss,
    SequenceCategoricalCrossentropy,
    SequenceCategoricalCrossentropy_v4,
)

WIDTH = 5


@pytest.fixture(params=LOSSES)
def case(request):
    return LOSSES[request.param]


def as_type(truths, dtype):
    return truths.astype(dtype) if getattr(truths, "dtype", None) == "float64" else truths


@pytest.mark.parametrize("normalize", [True, False])
def test_numeric_gradients(case, normalize):
    width = case.width or WIDTH
    loss, X, truths = case.loss(width, normalize=normalize), case.inputs(7, width), case.truths(7, width)
    analytic = loss.get_grad(case.link(X), truths)
    assert_gradient(lambda: float(loss.get_loss(case.link(X), truths)), X, analytic, rtol=1e-5, atol=1e-7)
    assert abs(analytic).max() > 1e-3


def test_formulas_are_the_reference(case):
    """What no kernel takes is computed by array code, which is also what other array modules get."""
    guesses, truths = case.data(7, WIDTH)
    gradient, scalar = case.loss(WIDTH)(guesses, truths)
    expected = case.loss(WIDTH)(guesses.astype("longdouble"), truths)
    assert expected[0].dtype == "longdouble"
    assert_allclose(gradient, expected[0], rtol=1e-11, atol=1e-14)
    assert_allclose(scalar, expected[1], rtol=1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_call_and_its_halves(case, dtype):
    guesses, truths = case.data(4, WIDTH, dtype)
    before = guesses.copy()
    guesses.flags.writeable = False
    loss = case.loss(WIDTH)
    gradient, scalar = loss(guesses, as_type(truths, dtype))
    assert gradient.dtype == scalar.dtype == dtype
    assert gradient.shape == guesses.shape
    assert_array_equal(loss.get_grad(guesses, as_type(truths, dtype)), gradient)
    assert loss.get_loss(guesses, as_type(truths, dtype)) == scalar
    assert_array_equal(guesses, before)
    assert not numpy.shares_memory(gradient, guesses)


def test_normalize_divides_both_by_the_rows(case):
    guesses, truths = case.data(4, WIDTH)
    gradient, scalar = case.loss(WIDTH)(guesses, truths)
    whole = case.loss(WIDTH, normalize=False)(guesses, truths)
    assert_allclose(gradient * 4, whole[0], rtol=1e-12)
    assert_allclose(scalar * 4, whole[1], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "longdouble"])
def test_no_rows(case, dtype):
    guesses, truths = case.data(3, WIDTH, dtype)
    gradient, scalar = case.loss(WIDTH)(guesses[:0], as_type(truths[:0], dtype))
    assert gradient.shape == (0, case.width or WIDTH)
    assert gradient.dtype == scalar.dtype == dtype
    assert scalar == 0


def test_any_strides(case):
    guesses, truths = case.data(6, WIDTH, "float32")
    expected = case.loss(WIDTH)(guesses, as_type(truths, "float32"))
    for strided in (numpy.asfortranarray(guesses), numpy.repeat(guesses, 2, axis=1)[:, ::2]):
        gradient, scalar = case.loss(WIDTH)(strided, as_type(truths, "float32"))
        assert_allclose(
            gradient, expected[0], rtol=1e-5, atol=1e-6
        )  # products of other layouts round otherwise
        assert_allclose(scalar, expected[1], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_nan_passes(case, dtype):
    guesses, truths = case.data(4, WIDTH, dtype)
    if case.width == 2:
        truths = numpy.array([1, -1, 1, -1])
    clean = case.loss(WIDTH)(guesses, as_type(truths, dtype))[0]
    guesses[2, 1] = numpy.nan
    gradient, scalar = case.loss(WIDTH)(guesses, as_type(truths, dtype))
    assert numpy.isnan(gradient[2, 1])
    assert numpy.isnan(scalar)
    if case.is_elementwise:
        assert numpy.isnan(gradient).sum() == 1
    elif not isinstance(case.loss(WIDTH), InfoNCE):
        assert_array_equal(gradient[[0, 1, 3]], clean[[0, 1, 3]])


def test_wrong_shapes(case):
    guesses, truths = case.data(4, WIDTH, "float32")
    for wrong in (truths[:2], numpy.zeros((4, 9), dtype="float32"), numpy.zeros((2, 2, 2), dtype="float32")):
        if not (isinstance(case.loss(WIDTH), InfoNCE) and wrong is truths):
            with pytest.raises(
                ValueError, match=r"Cannot calculate.*(shape|expected)|smoothing is for labels"
            ):
                case.loss(WIDTH)(guesses, wrong)
    for wrong in (guesses.tolist(), None, numpy.float32(1)):
        with pytest.raises(ValueError, match="Cannot calculate"):
            case.loss(WIDTH)(wrong, truths)


def test_can_be_pickled(case):
    guesses, truths = case.data(4, WIDTH)
    again = pickle.loads(pickle.dumps(case.loss(WIDTH)))
    assert_array_equal(again.get_grad(guesses, truths), case.loss(WIDTH).get_grad(guesses, truths))


@pytest.mark.parametrize("name", [name for name, case in LOSSES.items() if case.link is not softmax])
def test_training_lowers_it(name):
    case = LOSSES[name]
    guesses, truths = case.data(20, WIDTH)
    loss = case.loss(WIDTH)
    first = loss.get_loss(guesses, truths)
    for _ in range(20):
        gradient = loss.get_grad(guesses, truths)
        guesses = guesses - 0.02 * gradient / abs(gradient).max()
        guesses = numpy.clip(guesses, 0.01, 0.99) if case.inputs.__name__ == "within" else guesses
    assert loss.get_loss(guesses, truths) < first


# --- cross-entropy

GUESSES = numpy.array([[0.1, 0.5, 0.4], [0.4, 0.3, 0.3], [0.2, 0.2, 0.6], [1, 0, 0]], dtype="float32")
LABELS = [2, 1, 0, 0]
NAMES = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("settings", "truths"),
    [
        ({}, LABELS),
        ({"normalize": False}, LABELS),
        ({"label_smoothing": 0.1}, LABELS),
        ({"missing_value": 0}, LABELS),
        ({}, probabilities(4, 3)),
        ({"missing_value": 0}, probabilities(4, 3)),
    ],
    ids=str,
)
def test_gradient_is_that_of_the_versions_before(settings, truths):
    ours, before = CategoricalCrossentropy_v4(**settings), CategoricalCrossentropy(**settings)
    assert_array_equal(ours.get_grad(GUESSES, truths), before.get_grad(GUESSES, truths))


def test_scalar_is_the_cross_entropy():
    expected = -numpy.log([0.4, 0.3, 0.2, 1.0])
    assert_allclose(CategoricalCrossentropy_v4().get_loss(GUESSES, LABELS), expected.mean(), rtol=1e-6)
    weighted = CategoricalCrossentropy_v4(class_weights=[0.5, 2, 3], normalize=False)
    assert_allclose(weighted.get_loss(GUESSES, LABELS), expected @ [3, 2, 0.5, 0.5], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
@pytest.mark.parametrize("weights", [None, {"b": 3.0}])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("from_logits", [True, False])
def test_named_missing_and_negated_labels(dtype, weights, smoothing, from_logits):
    loss = CategoricalCrossentropy_v4(
        names=NAMES,
        neg_prefix="!",
        class_weights=weights,
        label_smoothing=smoothing,
        from_logits=from_logits,
        normalize=False,
    )
    p = probabilities(4, 3).astype(dtype)
    guesses = numpy.log(p) + 1 if from_logits else p
    p = p.astype("float64")
    w = numpy.array([1, 3.0 if weights else 1, 1])
    target = numpy.full((2, 3), smoothing / 2)
    target[0, 2] = target[1, 0] = 1 - smoothing
    wt = w * target
    expected = numpy.zeros((4, 3))
    expected[[0, 3]] = wt.sum(axis=1, keepdims=True) * p[[0, 3]] - wt
    expected[1, 1] = w[1] * p[1, 1]
    scalar = -(wt * numpy.log(p[[0, 3]])).sum() - w[1] * numpy.log(1 - p[1, 1])
    gradient, loss = loss(guesses, ["c", "!b", None, "a"])
    tolerance = 1e-5 if dtype == "float32" else 1e-6
    assert_allclose(gradient, expected, rtol=tolerance, atol=1e-7)
    assert_allclose(loss, scalar, rtol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_a_probability_of_zero_is_no_infinity(dtype):
    guesses = numpy.array([[0, 1], [1, 0]], dtype=dtype)
    for truths in ([0, 1], numpy.eye(2)):
        gradient, loss = CategoricalCrossentropy_v4(normalize=False)(guesses, truths)
        assert_allclose(loss, -2 * numpy.log(numpy.finfo(dtype).tiny), rtol=1e-6)
        assert_array_equal(gradient, [[-1, 1], [1, -1]])
    assert CategoricalCrossentropy_v4()(guesses, [1, 0])[1] == 0
    assert KLDivergence()(guesses, guesses)[1] == 0


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_extreme_logits(dtype):
    loss = CategoricalCrossentropy_v4(from_logits=True, normalize=False)
    guesses = numpy.array([[1e4, -1e4, 0], [0, -numpy.inf, 0]], dtype=dtype)
    for truths in ([1, 0], numpy.array([[0, 1, 0], [0.5, 0, 0.5]])):
        gradient, scalar = loss(guesses, truths)
        assert_allclose(scalar, 2e4 + numpy.log(2), rtol=1e-6)
        assert_allclose(gradient[0], [1, -1, 0], atol=1e-30)
        assert gradient[1, 1] == 0
    assert loss.get_loss(guesses, [0, 1]) == numpy.inf


def test_logits_may_lie_anywhere_but_probabilities_may_not():
    for truths in (LABELS, probabilities(4, 3)):
        with pytest.raises(ValueError, match=r"Cannot calculate.*guesses"):
            CategoricalCrossentropy_v4()(GUESSES + 1, truths)
        CategoricalCrossentropy_v4(from_logits=True)(GUESSES + 1, truths)
        with pytest.raises(ValueError, match=r"Cannot calculate.*truth"):
            CategoricalCrossentropy_v4(from_logits=True)(GUESSES, GUESSES + 1)
    with pytest.raises(IndexError, match="Label 3"):
        CategoricalCrossentropy_v4()(GUESSES, [0, 1, 2, 3])
    with pytest.raises(KeyError):
        CategoricalCrossentropy_v4(names=NAMES)(GUESSES, ["a", "b", "c", "d"])


def test_weights_must_fit():
    for weights in ([1, 2], [1, 2, 3, 4]):
        with pytest.raises(ValueError, match=r"class_weights.*3 classes"):
            CategoricalCrossentropy_v4(class_weights=weights)(GUESSES, LABELS)
    ours = CategoricalCrossentropy_v4(names=NAMES, class_weights={"b": 2})
    listed = CategoricalCrossentropy_v4(class_weights=numpy.array([1, 2, 1]))
    assert_array_equal(ours.get_grad(GUESSES, LABELS), listed.get_grad(GUESSES, LABELS))


@pytest.mark.parametrize("settings", [{}, {"class_weights": [1, 2, 3]}, {"label_smoothing": 0.1}])
@pytest.mark.parametrize("from_logits", [True, False])
def test_sequences_are_their_items(settings, from_logits):
    settings = {"names": NAMES, "neg_prefix": "!", "from_logits": from_logits, **settings}
    loss = SequenceCategoricalCrossentropy_v4(**settings)
    single = CategoricalCrossentropy_v4(normalize=False, **settings)
    guesses = [GUESSES, GUESSES[:1], GUESSES[:0], probabilities(2, 3)]
    for truths in (
        [["c", None, "!b", "a"], ["b"], [], ["a", "a"]],
        [LABELS, ["b"], [], probabilities(2, 3, 1)],
    ):
        if settings.get("label_smoothing") and truths[0] is LABELS:
            continue
        gradients, scalar = loss(guesses, truths)
        expected = [single(X, Y) for X, Y in zip(guesses, truths, strict=True)]
        for gradient, (whole, _) in zip(gradients, expected, strict=True):
            assert_allclose(gradient, whole / 4, rtol=1e-6)
        assert_allclose(scalar, sum(part for _, part in expected) / 4, rtol=1e-5)
    assert loss([], []) == ([], 0.0)
    with pytest.raises(ValueError, match="same length"):
        loss(guesses, [])
    assert isinstance(loss, SequenceCategoricalCrossentropy)


def test_sequences_of_different_widths_and_types():
    loss = SequenceCategoricalCrossentropy_v4(normalize=False)
    guesses = [probabilities(3, 4), probabilities(2, 7), probabilities(2, 4, dtype="float64")]
    truths = [[0, 1, 2], [6, 5], [3, 3]]
    gradients, _ = loss(guesses, truths)
    for gradient, X, Y in zip(gradients, guesses, truths, strict=True):
        assert_array_equal(gradient, X - numpy.eye(X.shape[1], dtype=X.dtype)[Y])


def test_divergence_of_equal_rows_is_zero():
    p = probabilities(6, 9)
    gradient, loss = KLDivergence()(p, p)
    assert not gradient.any()
    assert loss == 0
    entropy = -(p * numpy.log(p)).sum(axis=1).mean()
    guesses = probabilities(6, 9, 1)
    assert_allclose(
        KLDivergence().get_loss(guesses, p) + entropy,
        CategoricalCrossentropy_v4().get_loss(guesses, p),
        rtol=1e-5,
    )


# --- yes or no


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_certain_logits(dtype):
    x = numpy.array([200.0, -200, 1e5, -1e5, numpy.inf, -numpy.inf], dtype=dtype)
    for loss in (
        BinaryCrossEntropy(from_logits=True, normalize=False),
        FocalLoss(from_logits=True, normalize=False),
    ):
        gradient, scalar = loss(x, numpy.array([1, 0] * 3))
        assert_allclose(gradient, 0, atol=1e-30)
        assert_allclose(scalar, 0, atol=1e-30)
    gradient, scalar = BinaryCrossEntropy(from_logits=True, normalize=False)(x[:4], numpy.array([0, 1] * 2))
    assert_allclose(gradient, [1, -1, 1, -1])
    assert_allclose(scalar, 2 * 200 + 2e5, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_certain_probabilities(dtype):
    p = numpy.array([0, 1, 0, 1], dtype=dtype)
    gradient, scalar = BinaryCrossEntropy(normalize=False)(p, numpy.array([0, 1, 1, 0]))
    assert_allclose(gradient, [0, 0, -1e12, 1e12], rtol=1e-6)
    assert_allclose(scalar, 200, rtol=1e-6)


@pytest.mark.parametrize("shape", [(5,), (5, 1), (2, 3, 4)])
@pytest.mark.parametrize("truths_of", [bool, "int64", "float32"])
def test_any_rank_and_truths_of_any_type(shape, truths_of):
    X = numpy.random.default_rng(0).normal(size=shape).astype("float32")
    truths = (X > 0.3).astype(truths_of)
    gradient, scalar = BinaryCrossEntropy(from_logits=True)(X, truths)
    p = 1 / (1 + numpy.exp(-X.astype("float64")))
    assert_allclose(gradient, (p - truths) / len(X), rtol=1e-4, atol=1e-7)
    assert_allclose(scalar, -numpy.log(numpy.where(truths, p, 1 - p)).sum() / len(X), rtol=1e-5)


def test_unknown_truths_count_for_nothing():
    truths = numpy.array([[1, -1], [0, -1]])
    X = numpy.array([[0.3, 0.1], [0.2, 0.9]], dtype="f")
    for loss, known in (
        (BinaryCrossEntropy(missing_value=-1), BinaryCrossEntropy()),
        (FocalLoss(missing_value=-1), FocalLoss()),
    ):
        gradient, scalar = loss(X, truths)
        assert not gradient[:, 1].any()
        assert_array_equal(gradient[:, 0], known.get_grad(X[:, 0], truths[:, 0]))
        assert_allclose(scalar, known.get_loss(X[:, 0], truths[:, 0]), rtol=1e-6)
        with pytest.raises(ValueError, match=r"Cannot calculate.*truth"):
            known(X, truths)
        with pytest.raises(ValueError, match=r"Cannot calculate.*guesses"):
            loss(X + 1, truths)


def test_columns_of_the_weights():
    X = numpy.full((2, 3), 0.5, dtype="f")
    with pytest.raises(ValueError, match=r"2 numbers as positive_weight.*3 columns"):
        BinaryCrossEntropy(positive_weight=[1, 2])(X, X)
    one = BinaryCrossEntropy(positive_weight=2.0)(X, X)
    assert_array_equal(BinaryCrossEntropy(positive_weight=[2, 2, 2])(X, X)[0], one[0])
    assert_allclose(BinaryCrossEntropy(positive_weight=[2.0])(X[0], X[0])[0] * 3, one[0][0] * 2)


def test_focal_without_focus_is_the_cross_entropy():
    X, truths = LOSSES["focal-logits"].data(6, 7, "float32")
    for from_logits, guesses in ((True, X), (False, 1 / (1 + numpy.exp(-X)))):
        plain = BinaryCrossEntropy(from_logits=from_logits)(guesses, truths)
        focal = FocalLoss(gamma=0, alpha=None, from_logits=from_logits)(guesses, truths)
        half = FocalLoss(gamma=0, alpha=0.5, from_logits=from_logits)(guesses, truths)
        assert_array_equal(focal[0], plain[0])
        assert focal[1] == plain[1]
        assert_allclose(half[1], plain[1] / 2, rtol=1e-6)


# --- differences, pairs


def test_huber_values():
    gradient, loss = HuberLoss(delta=1, normalize=False)(
        numpy.array([0.5, 3, -4, 0]), numpy.array([0.0, 0, 0, 0])
    )
    assert_allclose(gradient, [0.5, 1, -1, 0])
    assert loss == 0.125 + 2.5 + 3.5
    mixed = HuberLoss()(numpy.array([[1], [2]]), numpy.array([[1.5], [9.0]]))
    assert_allclose(mixed[0], [[-0.25], [-0.5]])
    assert_allclose(HuberLoss(normalize=False)(numpy.array(5.0), numpy.array(2.0))[1], 2.5)
    assert HuberLoss().get_loss(numpy.array([[numpy.inf]]), numpy.zeros((1, 1))) == numpy.inf


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_ranking_values(dtype):
    scores = numpy.array([[3, 1], [1, 3], [1, 3], [2, 2], [5, 1]], dtype=dtype)
    truths = numpy.array([1, 1, -1, 1, 0])
    gradient, loss = MarginRankingLoss(margin=0.5, normalize=False)(scores, truths)
    assert_array_equal(gradient, [[0, 0], [-1, 1], [0, 0], [-1, 1], [0, 0]])
    assert loss == 2.5 + 0.5
    for wrong in (2, 0.5, -3, numpy.inf):
        truths = numpy.array([1, 1, -1, 1, wrong])
        with pytest.raises(ValueError, match="expected truths that are 1"):
            MarginRankingLoss()(scores, truths)
    for bad in (scores[:, 0], scores[:, :1], numpy.zeros((5, 3), dtype=dtype)):
        with pytest.raises(ValueError, match=r"guesses of shape \(N, 2\)"):
            MarginRankingLoss()(bad, truths)
    with pytest.raises(ValueError, match="array of truths"):
        MarginRankingLoss()(scores, [1, 1, 1, 1, 1])


def test_contrast_of_the_truths():
    """More truths than guesses; and the gradient with respect to the truths."""
    rng = numpy.random.default_rng(0)
    X, Y = rng.normal(size=(4, 6)), rng.normal(size=(7, 6))
    for loss, Z in (
        (InfoNCE(), Y),
        (InfoNCE(cosine=False, normalize=False, temperature=1.5), Y),
        (InfoNCE(symmetric=True), Y[:4]),
    ):
        dX, dZ = loss.get_both_grads(X, Z)
        assert_array_equal(dX, loss.get_grad(X, Z))
        for x, gradient in ((X, dX), (Z, dZ)):
            assert_gradient(lambda loss=loss, Z=Z: float(loss.get_loss(X, Z)), x, gradient)
    with pytest.raises(ValueError, match="shapes"):
        InfoNCE(symmetric=True)(X, rng.normal(size=(7, 6)))
    with pytest.raises(ValueError, match="at least as many"):
        InfoNCE()(rng.normal(size=(7, 6)), X)


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_contrast_of_zeros(dtype):
    X = numpy.eye(3, dtype=dtype)
    X[1] = 0
    dX, dY = InfoNCE().get_both_grads(X, X)
    assert numpy.isfinite(dX).all() and numpy.isfinite(dY).all()
    assert not dX[1].any()


def test_contrast_tells_the_right_row():
    X = numpy.random.default_rng(0).normal(size=(8, 16)).astype("f")
    assert InfoNCE().get_loss(X, X) < InfoNCE().get_loss(X, X[::-1].copy())
    scaled = X * numpy.arange(1, 9, dtype="f")[:, None]
    assert_allclose(InfoNCE().get_loss(scaled, X), InfoNCE().get_loss(X, X), rtol=1e-5)


# --- surface

REFUSED = [
    (CategoricalCrossentropy_v4, {"label_smoothing": -0.1}, "label_smoothing"),
    (CategoricalCrossentropy_v4, {"class_weights": [1, -1]}, r"class_weights\[1\]"),
    (CategoricalCrossentropy_v4, {"class_weights": [1, float("nan")]}, r"class_weights\[1\]"),
    (CategoricalCrossentropy_v4, {"class_weights": 3.0}, "class_weights"),
    (CategoricalCrossentropy_v4, {"class_weights": "abc"}, "class_weights"),
    (CategoricalCrossentropy_v4, {"class_weights": {"d": 1.0}, "names": NAMES}, "not among the names"),
    (CategoricalCrossentropy_v4, {"class_weights": {"a": "x"}, "names": NAMES}, "class_weights"),
    (SequenceCategoricalCrossentropy_v4, {"class_weights": [-1]}, "class_weights"),
    (BinaryCrossEntropy, {"positive_weight": -1}, "positive_weight"),
    (BinaryCrossEntropy, {"positive_weight": [1, numpy.inf]}, r"positive_weight\[1\]"),
    (BinaryCrossEntropy, {"positive_weight": "x"}, "positive_weight"),
    (BinaryCrossEntropy, {"missing_value": float("nan")}, "missing_value"),
    (FocalLoss, {"missing_value": "?"}, "missing_value"),
    (FocalLoss, {"gamma": -1}, "gamma"),
    (FocalLoss, {"alpha": 1.5}, "alpha"),
    (FocalLoss, {"alpha": -0.5}, "alpha"),
    (HuberLoss, {"delta": 0}, "delta"),
    (HuberLoss, {"delta": float("inf")}, "delta"),
    (MarginRankingLoss, {"margin": -1}, "margin"),
    (InfoNCE, {"temperature": 0}, "temperature"),
]


@pytest.mark.parametrize(("cls", "settings", "match"), REFUSED)
def test_bad_settings_are_refused_at_construction(cls, settings, match):
    with pytest.raises(ValueError, match=match):
        cls(**settings)


REGISTERED = {
    "CategoricalCrossentropy.v4": {"from_logits": True, "class_weights": [1.0, 2.0, 3.0]},
    "SequenceCategoricalCrossentropy.v4": {"from_logits": True, "label_smoothing": 0.1},
    "KLDivergence.v1": {"from_logits": True},
    "BinaryCrossEntropy.v1": {"from_logits": True, "positive_weight": [1.0, 2.0], "missing_value": -1},
    "FocalLoss.v1": {"from_logits": True, "gamma": 1.0, "alpha": None, "missing_value": -1.0},
    "HuberLoss.v1": {"delta": 0.5},
    "MarginRankingLoss.v1": {"margin": 0.5},
    "InfoNCE.v1": {"temperature": 0.5, "cosine": False, "symmetric": True},
}


@pytest.mark.parametrize("name", REGISTERED)
def test_registered(name):
    settings = {"normalize": False, **REGISTERED[name]}
    config = Config({"loss": {"@losses": name, **settings}})
    loss = registry.resolve(Config().from_str(config.to_str()))["loss"]
    assert isinstance(loss, Loss)
    for setting, value in settings.items():
        assert getattr(loss, setting, value) == value
    assert getattr(loss, "cc", loss).__dict__.get("from_logits", False) == settings.get("from_logits", False)
    version = name.replace(".", "_") if name.endswith("v4") else name[:-3]
    make = getattr(thinc.loss, f"configure_{version}")
    assert isinstance(make(), type(loss))
    filled = registry.fill({"loss": {"@losses": name}})["loss"]
    assert set(filled) == {"@losses", *make.__kwdefaults__}


def test_weights_by_name_in_a_config():
    config = """
    [loss]
    @losses = "CategoricalCrossentropy.v4"
    names = ["a", "b", "c"]

    [loss.class_weights]
    b = 2.0
    """
    loss = registry.resolve(Config().from_str(config))["loss"]
    expected = CategoricalCrossentropy_v4(class_weights=[1, 2, 1])
    assert_array_equal(loss.get_grad(GUESSES, LABELS), expected.get_grad(GUESSES, LABELS))


def test_wide_rows_named_by_the_table():
    case = LOSSES["labels-weighted"]
    guesses, _ = case.data(3, 40)
    loss = CategoricalCrossentropy_v4(names=names_of(40), class_weights={"c7": 0.0})
    assert loss.get_loss(guesses, ["c7"] * 3) == 0
    assert labels_of(3, 40).max() < 40
