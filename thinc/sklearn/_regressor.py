"""ThincRegressor: a model that predicts numbers, as scikit-learn sees it."""

from __future__ import annotations

from typing import Any

import numpy
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import validate_data

from ..layers import Linear
from ..loss import L2Distance
from ..model import Model
from ._estimator import Estimator


class ThincRegressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """Train a model to predict numbers.

    The model learns targets of mean 0 and deviation 1, whatever those of y are; predictions are scaled back.

    Parameters
    ----------
    model : Model or callable, optional
        From arrays (B, n_features) to arrays (B, n_targets), float32; sizes that are left out are inferred. A copy of
        it is trained, from its weights if it has some. Or a function without arguments that makes one. By default a
        network of `Relu` layers and a `Linear` one.
    hidden, dropout, optimizer, learn_rate
        As for `ThincClassifier`.
    loss : callable, optional
        ``loss(guesses, truths) -> (gradient, value)``; truths are arrays (B, n_targets), scaled. By default
        `L2Distance`.
    epochs, batch_size, shuffle
        As for `ThincClassifier`.
    early_stopping, validation_fraction, patience, tol
        As for `ThincClassifier`, with R² for the accuracy; at least two rows are held out.
    warm_start, random_state
        As for `ThincClassifier`.

    Attributes
    ----------
    model_ : Model
        What has been trained; it predicts ``(y - y_mean_) / y_scale_``.
    y_mean_ : array (n_targets,)
        Means of the targets; those of the first call for ``partial_fit``.
    y_scale_ : array (n_targets,)
        Their deviations, likewise.
    validation_scores_ : list of float
        R² on what was held out, after each epoch; with `early_stopping`. Other attributes are those of
        `ThincClassifier`.
    """

    _fewest_held_out = 2  # R² of one number is not defined

    def fit(self, X: Any, y: Any) -> ThincRegressor:
        """Train on rows X (B, n_features) and targets y, (B,) or (B, n_targets); return the estimator.

        Raises
        ------
        ValueError
            If they do not fit together, have NaNs or infinities, or a setting is out of its range.
        """
        self._check_settings()
        goes_on = self.warm_start and hasattr(self, "model_")
        with self._all_or_nothing():
            X, y = self._check(X, y, reset=not goes_on)
            self._fit(X, y)
        return self

    def partial_fit(self, X: Any, y: Any) -> ThincRegressor:
        """Train for one epoch more, on these rows; return the estimator."""
        self._check_settings()
        X, y = self._check(X, y, reset=not hasattr(self, "model_"))
        self._partial_fit(X, y)
        return self

    def predict(self, X: Any) -> Any:
        """The predicted targets, float64, in the shape that y had."""
        Y = self._outputs(self._check_X(X)).astype("float64") * self.y_scale_ + self.y_mean_
        return Y[:, 0] if self._is_flat else Y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _check(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self, X, y, dtype=numpy.float32, order="C", reset=reset, multi_output=True, y_numeric=True
        )
        Y = y.reshape(len(y), -1).astype("float64")
        if reset:
            self._is_flat = y.ndim == 1
            self.y_mean_ = Y.mean(axis=0)
            deviation = Y.std(axis=0)
            self.y_scale_ = numpy.where(deviation > 0, deviation, 1.0)
        elif Y.shape[1] != len(self.y_mean_):
            raise ValueError(
                f"ThincRegressor: expected y with {len(self.y_mean_)} targets, as in the first call, got {Y.shape[1]}"
            )
        return X, Y

    def _encode(self, y: Any) -> Any:
        return ((y - self.y_mean_) / self.y_scale_).astype("float32")

    def _sample(self, Y: Any) -> Any:
        return Y[:1]

    def _output(self) -> Model[Any, Any]:
        return Linear()

    def _default_loss(self) -> Any:
        return L2Distance()

    def _score_encoded(self, X: Any, Y: Any) -> float:
        return float(r2_score(Y, self._outputs(X)))
