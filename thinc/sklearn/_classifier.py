"""ThincClassifier: a model that tells classes apart, as scikit-learn sees it."""

from __future__ import annotations

from typing import Any

import numpy
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import validate_data

from ..layers import Softmax
from ..loss import CategoricalCrossentropy
from ..model import Model
from ._estimator import Estimator


class ThincClassifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """Train a model to tell classes apart.

    Parameters
    ----------
    model : Model or callable, optional
        From arrays (B, n_features), float32, to probabilities (B, n_classes); sizes that are left out are inferred. A
        copy of it is trained, from its weights if it has some. Or a function without arguments that makes one. By
        default a network of `Relu` layers and a `Softmax`.
    hidden : sequence of int
        Widths of the layers of the default network.
    dropout : float
        Rate after each of them.
    optimizer : Optimizer or callable, optional
        A copy of it is used, or what it returns; by default `Adam`.
    learn_rate : float or schedule
        Of the default optimizer; a schedule advances with every batch.
    loss : callable, optional
        ``loss(guesses, truths) -> (gradient, value)``; truths are numbers of classes (B,), int. By default
        `CategoricalCrossentropy`.
    epochs : int
        Passes over the data in ``fit``, at most.
    batch_size : int or schedule
        Rows per update.
    shuffle : bool
        Whether each pass has an order of its own.
    early_stopping : bool
        Hold out a part of the data, watch the accuracy on it, stop if it does not rise any more, and go back to the
        parameters which were best.
    validation_fraction : float
        That part.
    patience : int
        The number of epochs to wait for a higher accuracy.
    tol : float
        By how much it must be higher.
    warm_start : bool
        Whether ``fit`` goes on where the last one ended.
    random_state : int, RandomState or None
        Makes training repeatable. With a number the global random generators are seeded while training runs, and then
        set back; fits in several threads wait for each other. With None numbers come from NumPy's global generator.

    Attributes
    ----------
    classes_ : array (n_classes,)
        What `predict` answers.
    model_ : Model
        What has been trained. It can be saved with ``to_disk``, or be part of another model.
    optimizer_ : Optimizer
        What it was trained with.
    loss_ : callable
        Likewise.
    loss_curve_ : list of float
        The mean of the loss in each epoch.
    n_iter_ : int
        The number of epochs.
    validation_scores_ : list of float
        Accuracy on what was held out, after each epoch; with `early_stopping`.
    best_validation_score_ : float
        The highest of them.
    n_features_in_ : int
        The number of columns of the input.
    feature_names_in_ : array of str
        Their names, if it had some.

    Examples
    --------
    >>> pipeline = make_pipeline(StandardScaler(), ThincClassifier(hidden=(64, 64)))
    >>> pipeline.fit(X, y).score(test_X, test_y)
    """

    def fit(self, X: Any, y: Any) -> ThincClassifier:
        """Train on rows X (B, n_features) and their classes y (B,); return the estimator.

        Raises
        ------
        ValueError
            If they do not fit together, have NaNs or infinities, or a setting is out of its range.
        """
        self._check_settings()
        goes_on = self.warm_start and hasattr(self, "model_")
        with self._all_or_nothing():
            X, y = self._check(X, y, reset=not goes_on)
            if not goes_on:
                self.classes_ = unique_labels(y)
            self._fit(X, y)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> ThincClassifier:
        """Train for one epoch more, on these rows; return the estimator.

        Parameters
        ----------
        X, y
            As for `fit`.
        classes : array, optional
            All classes that there will be; needed in the first call, unless y has all of them.
        """
        self._check_settings()
        is_first = not hasattr(self, "model_")
        X, y = self._check(X, y, reset=is_first)
        if is_first:
            self.classes_ = unique_labels(y) if classes is None else unique_labels(classes)
        elif classes is not None and not numpy.array_equal(unique_labels(classes), self.classes_):
            raise ValueError(
                f"ThincClassifier.partial_fit: expected the classes of the first call, {self.classes_}, got {classes}"
            )
        self._partial_fit(X, y)
        return self

    def predict_proba(self, X: Any) -> Any:
        """Probabilities of the classes, (B, n_classes), in the order of ``classes_``."""
        return self._outputs(self._check_X(X))

    def predict(self, X: Any) -> Any:
        """The most probable class of each row, (B,)."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def _check(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(self, X, y, dtype=numpy.float32, order="C", reset=reset)
        check_classification_targets(y)
        return X, y

    def _encode(self, y: Any) -> Any:
        numbers = numpy.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        strange = self.classes_[numbers] != y
        if strange.any():
            raise ValueError(
                f"ThincClassifier: expected classes of {self.classes_}, got {numpy.unique(y[strange])}; "
                "the first call of partial_fit may name all of them"
            )
        return numbers.astype("int32")

    def _sample(self, Y: Any) -> Any:
        return numpy.eye(len(self.classes_), dtype="float32")

    def _strata(self, Y: Any, n_held: int) -> Any:
        counts = numpy.unique(Y, return_counts=True)[1]
        return Y if counts.min() > 1 and min(n_held, len(Y) - n_held) >= len(counts) else None

    def _output(self) -> Model[Any, Any]:
        return Softmax()

    def _default_loss(self) -> Any:
        return CategoricalCrossentropy()

    def _score_encoded(self, X: Any, Y: Any) -> float:
        return float((self._outputs(X).argmax(axis=1) == Y).mean())
