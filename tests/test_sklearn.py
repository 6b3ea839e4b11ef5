"""`thinc.sklearn`: scikit-learn's own checks of estimators, and what ours promise besides."""

import pickle

import numpy
import pytest

from helpers.process import run_python
from helpers.together import run_together
from thinc.api import (
    SGD,
    Adam,
    CategoricalCrossentropy,
    Linear,
    Model,
    Relu,
    Softmax,
    chain,
    compounding,
    warmup_linear,
)

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_diabetes, load_digits  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import MinMaxScaler, StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from thinc.sklearn import ThincClassifier, ThincRegressor  # noqa: E402

ESTIMATORS = [ThincClassifier, ThincRegressor]


@parametrize_with_checks(
    [
        *(kind(random_state=0) for kind in ESTIMATORS),
        *(kind(random_state=0, early_stopping=True, epochs=20) for kind in ESTIMATORS),
    ]
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)


def blobs(n=60, n_classes=3, seed=0):
    rng = numpy.random.default_rng(seed)
    y = numpy.arange(n) % n_classes
    return rng.normal(size=(n, 4)) + 3 * numpy.eye(n_classes, 4)[y], y


def weights_of(model):
    return numpy.concatenate(
        [node.get_param(name).ravel() for node in model.walk() for name in node.param_names]
    )


def test_digits_in_a_pipeline(digits):
    train_X, test_X, train_y, test_y = digits
    pipeline = make_pipeline(MinMaxScaler(), ThincClassifier(epochs=20, random_state=0))
    assert pipeline.fit(train_X, train_y).score(test_X, test_y) > 0.95


def test_digits_in_a_grid_search(digits):
    train_X, test_X, train_y, test_y = digits
    pipeline = make_pipeline(MinMaxScaler(), ThincClassifier(epochs=8, random_state=0))
    grid = {"thincclassifier__hidden": [(1,), (64,)], "thincclassifier__learn_rate": [1e-6, 0.005]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(train_X, train_y)
    assert search.best_params_ == {"thincclassifier__hidden": (64,), "thincclassifier__learn_rate": 0.005}
    assert search.score(test_X, test_y) > 0.9


def test_regression():
    X, y = load_diabetes(return_X_y=True)
    estimator = make_pipeline(StandardScaler(), ThincRegressor(hidden=(16,), epochs=20, random_state=0))
    assert cross_val_score(estimator, X, y, cv=3).mean() > 0.3


def test_several_targets_and_their_scale():
    X, _ = blobs(200)
    y = numpy.stack([1000 + 50 * X[:, 0], 1e-3 * X[:, 1], numpy.full(200, 7.0)], axis=1)
    found = ThincRegressor(epochs=60, random_state=0).fit(X, y).predict(X)
    assert found.shape == y.shape and found.dtype == "float64"
    assert (abs(found - y).mean(axis=0) < [10, 2e-4, 1.0]).all()
    assert ThincRegressor(epochs=1).fit(X, y[:, 0]).predict(X).shape == (200,)


def test_a_model_of_ones_own_is_copied():
    X, y = blobs()
    model = chain(Relu(8, dropout=0.1), Softmax())
    estimator = ThincClassifier(model, epochs=5, random_state=0).fit(X, y)
    assert model.layers[0].layers[0].has_param("W") is None
    assert estimator.model_.get_dim("nO") == 3 and estimator.model_ is not model
    assert clone(estimator).fit(X, y).score(X, y) == estimator.score(X, y) > 0.8


def test_a_trained_model_starts_from_its_weights():
    X, y = blobs()
    first = ThincClassifier(hidden=(8,), epochs=20, random_state=0).fit(X, y)
    before = weights_of(first.model_)
    second = ThincClassifier(first.model_, optimizer=lambda: SGD(0.0), epochs=1).fit(X, y)
    numpy.testing.assert_array_equal(weights_of(second.model_), before)
    with pytest.raises(ValueError, match="expected a model with 2 outputs for this y, got 3"):
        ThincClassifier(first.model_).fit(X[y < 2], y[y < 2])


def test_functions_and_objects():
    """What makes a model, an optimizer, and a loss."""
    X, y = blobs()
    asked = []

    def loss(guesses, truths):
        asked.append(truths.dtype)
        return CategoricalCrossentropy()(guesses, truths)

    schedule, optimizer = warmup_linear(0.02, 5, 100), Adam(0.02)
    by_function = ThincClassifier(
        lambda: Softmax(), optimizer=lambda: Adam(0.02), loss=loss, epochs=10, random_state=0
    )
    by_object = ThincClassifier(Softmax(), optimizer=optimizer, epochs=10, random_state=0)
    numpy.testing.assert_array_equal(
        by_function.fit(X, y).predict_proba(X), by_object.fit(X, y).predict_proba(X)
    )
    assert asked and set(asked) == {numpy.dtype("int32")}
    assert optimizer.nr_update == {}
    ThincClassifier(learn_rate=schedule, epochs=2).fit(X, y)
    assert schedule.position == 0
    with pytest.raises(TypeError, match="expected model to be a Model or a function that makes one, got int"):
        ThincClassifier(lambda: 7).fit(X, y)


def test_labels_are_strings():
    X, y = blobs()
    names = numpy.array(["ape", "bee", "cow"])[y]
    estimator = ThincClassifier(epochs=20, random_state=0).fit(X, names)
    assert list(estimator.classes_) == ["ape", "bee", "cow"]
    assert (estimator.predict(X) == names).mean() > 0.9
    numpy.testing.assert_allclose(estimator.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_partial_fit_is_fit_in_pieces(kind):
    X, y = blobs()
    whole = kind(hidden=(8,), epochs=3, shuffle=False, random_state=0).fit(X, y)
    pieces = kind(hidden=(8,), shuffle=False, random_state=0)
    for _ in range(3):
        assert pieces.partial_fit(X, y) is pieces
    numpy.testing.assert_array_equal(weights_of(whole.model_), weights_of(pieces.model_))
    assert whole.n_iter_ == pieces.n_iter_ == len(pieces.loss_curve_) == 3


def test_partial_fit_of_classes_that_come_later():
    X, y = blobs()
    estimator = ThincClassifier(random_state=0).partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    estimator.partial_fit(X[y == 2], y[y == 2])
    assert estimator.predict_proba(X).shape == (60, 3)
    with pytest.raises(
        ValueError, match=r"expected classes of \[0 1 2\], got \[5\]; the first call of partial_fit"
    ):
        estimator.partial_fit(X, numpy.full(60, 5))
    with pytest.raises(ValueError, match="expected the classes of the first call"):
        estimator.partial_fit(X, y, classes=[0, 1])
    regressor = ThincRegressor().partial_fit(X, X[:, :2])
    with pytest.raises(ValueError, match="expected y with 2 targets, as in the first call, got 3"):
        regressor.partial_fit(X, X[:, :3])


def test_warm_start():
    X, y = blobs()
    estimator = ThincClassifier(epochs=2, warm_start=True, random_state=0).fit(X, y)
    before, model = weights_of(estimator.model_), estimator.model_
    estimator.fit(X, y)
    assert estimator.n_iter_ == 4 and estimator.model_ is model
    assert (weights_of(model) != before).any()
    estimator.set_params(warm_start=False).fit(X, y)
    numpy.testing.assert_array_equal(weights_of(estimator.model_), before)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_early_stopping_goes_back_to_the_best(kind):
    X, y = blobs(200)
    settings = {"hidden": (16,), "early_stopping": True, "patience": 3, "learn_rate": 0.05, "random_state": 0}
    estimator = kind(**settings, epochs=200).fit(X, y)
    scores = estimator.validation_scores_
    assert len(scores) == estimator.n_iter_ < 200
    assert estimator.best_validation_score_ == max(scores)
    stopped_at = scores.index(max(scores)) + 1
    shorter = kind(**settings, epochs=stopped_at).fit(X, y)
    numpy.testing.assert_array_equal(shorter.predict(X), estimator.predict(X))


def test_seeds():
    X, y = blobs()
    numpy.random.seed(1)
    expected = numpy.random.random()
    numpy.random.seed(1)
    a = ThincClassifier(dropout=0.2, epochs=2, random_state=5).fit(X, y)
    assert numpy.random.random() == expected, "the global generator is where it was"
    b = ThincClassifier(dropout=0.2, epochs=2, random_state=5).fit(X, y)
    c = ThincClassifier(dropout=0.2, epochs=2, random_state=6).fit(X, y)
    numpy.testing.assert_array_equal(weights_of(a.model_), weights_of(b.model_))
    assert (weights_of(a.model_) != weights_of(c.model_)).any()
    numpy.random.seed(1)
    d = ThincClassifier(epochs=2).fit(X, y)
    numpy.random.seed(1)
    e = ThincClassifier(epochs=2).fit(X, y)
    numpy.testing.assert_array_equal(weights_of(d.model_), weights_of(e.model_))


def test_threads_give_what_one_gives():
    X, y = blobs()
    found = {}

    def fit(seed):
        found[seed] = ThincClassifier(dropout=0.2, epochs=3, random_state=seed).fit(X, y).predict_proba(X)

    run_together(*(lambda seed=seed: fit(seed) for seed in range(4)))
    together = dict(found)
    for seed in range(4):
        fit(seed)
        numpy.testing.assert_array_equal(found[seed], together[seed])


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize(
    "settings, message",
    [
        ({"epochs": 0}, "expected epochs to be at least 1, got 0"),
        ({"epochs": 1.5}, "expected epochs to be at least 1, got 1.5"),
        ({"patience": 0}, "expected patience to be at least 1, got 0"),
        ({"batch_size": 0}, "expected batch_size to be at least 1, got 0"),
        ({"validation_fraction": 1}, "expected validation_fraction to be between 0 and 1, got 1"),
        ({"hidden": 10}, r"expected hidden to be a sequence of whole numbers of at least 1, .*got 10"),
        ({"hidden": (8, 0)}, r"expected hidden to be .*got \(8, 0\)"),
        ({"hidden": (3.5,)}, r"expected hidden to be .*got \(3.5,\)"),
        ({"dropout": 2.0}, "expected dropout to be between 0 and 1, got 2.0"),
        ({"dropout": -0.1}, "expected dropout to be between 0 and 1, got -0.1"),
        (
            {"early_stopping": True, "validation_fraction": 0.999},
            "cannot hold out 60 of n_samples=60 to watch",
        ),
    ],
)
def test_settings_out_of_range(kind, settings, message):
    X, y = blobs()
    estimator = kind(**settings)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)
    with pytest.raises(NotFittedError):
        estimator.predict(X)


@pytest.mark.parametrize("name", ["model", "optimizer", "loss"])
def test_settings_of_the_wrong_type(name):
    X, y = blobs()
    with pytest.raises(TypeError, match=f"ThincClassifier: expected {name} to be .*got"):
        ThincClassifier(**{name: "adam"}).fit(X, y)


class CountingLoss:
    def __init__(self):
        self.count = 0

    def __call__(self, guesses, truths):
        self.count += 1
        return CategoricalCrossentropy()(guesses, truths)


def test_objects_are_copied():
    X, y = blobs()
    loss, sizes = CountingLoss(), compounding(4, 64, 1.2)
    estimator = ThincClassifier(loss=loss, batch_size=sizes, epochs=2, random_state=0).fit(X, y)
    assert loss.count == 0 < estimator.loss_.count
    assert sizes.position == 0
    first = estimator.predict_proba(X)
    for again in (estimator, clone(estimator), pickle.loads(pickle.dumps(estimator))):
        numpy.testing.assert_array_equal(again.fit(X, y).predict_proba(X), first)
    # Batches go on growing from epoch to epoch.
    steps = [estimator.loss_.count]
    estimator.partial_fit(X, y)
    steps.append(estimator.loss_.count - steps[0])
    assert steps[1] < steps[0] / 2


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_fit_that_fails_leaves_the_last_one(kind):
    X, y = blobs()
    estimator = kind(epochs=2, random_state=0).fit(X, y)
    before = estimator.predict(X)
    estimator.set_params(model=Softmax(7, 4).initialize())
    with pytest.raises(ValueError, match="expected a model with"):
        estimator.fit(X, y + 100)
    numpy.testing.assert_array_equal(estimator.predict(X), before)
    with pytest.raises(ValueError):
        estimator.set_params(model=None).fit(X[:, :2], y + 0.5j)
    numpy.testing.assert_array_equal(estimator.predict(X), before)
    assert estimator.n_features_in_ == 4


def test_early_stopping_with_fewer_rows_held_out_than_classes():
    X, y = blobs(20)
    estimator = ThincClassifier(early_stopping=True, epochs=3, random_state=0).fit(X, y)
    assert len(estimator.validation_scores_) == 3
    # R² of one number is not defined.
    regressor = ThincRegressor(early_stopping=True, epochs=3, random_state=0).fit(X[:10], X[:10, 0])
    assert numpy.isfinite(regressor.validation_scores_).all()
    assert regressor.best_validation_score_ == max(regressor.validation_scores_)
    with pytest.raises(ValueError, match="ThincRegressor: cannot hold out 2 of n_samples=2 to watch"):
        regressor.fit(X[:2], X[:2, 0])


def test_pickle():
    X, y = blobs()
    estimator = ThincClassifier(epochs=2, random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(estimator))
    numpy.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))
    again.partial_fit(X, y)


def test_the_trained_model_is_an_ordinary_one(tmp_path):
    X, y = blobs()
    estimator = ThincClassifier(hidden=(8,), epochs=2, random_state=0).fit(X, y)
    estimator.model_.to_disk(tmp_path / "model.bin")
    model: Model = chain(Relu(8), Softmax()).from_disk(tmp_path / "model.bin")
    numpy.testing.assert_array_equal(model.predict(X.astype("f")), estimator.predict_proba(X))
    assert ThincRegressor(hidden=(), epochs=1).fit(X, y).model_.name == Linear().name


def test_imported_late(tmp_path):
    code = "import sys, thinc.api; print('sklearn' in sys.modules, 'thinc.sklearn' in sys.modules)"
    assert run_python("-c", code, cwd=tmp_path).stdout.split() == ["False", "False"]


def test_without_scikit_learn(tmp_path):
    code = "import sys; sys.modules['sklearn'] = None\ntry: import thinc.sklearn\nexcept ImportError as e: print(e)"
    assert 'pip install "thinc[sklearn]"' in run_python("-c", code, cwd=tmp_path).stdout
