"""What classifiers and regressors have in common."""

from __future__ import annotations

import copy
import inspect
import math
import numbers
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Union

import numpy
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..backends._batch_sizes import is_schedule
from ..layers import Relu, chain
from ..model import Model
from ..optimizers import Adam, Optimizer
from ._seeding import seeded
from ._training import EarlyStopping, run_epoch

ModelOrMaker = Union[Model[Any, Any], Callable[[], Model[Any, Any]]]
PREDICTED = 1024  # rows at once


class Estimator(BaseEstimator):  # type: ignore[misc]
    """Trains a copy of a model on arrays. Subclasses say what the truths are, and which layer comes last."""

    def __init__(
        self,
        model: ModelOrMaker | None = None,
        *,
        hidden: Sequence[int] = (100,),
        dropout: float = 0.0,
        optimizer: Callable[[], Optimizer] | Optimizer | None = None,
        learn_rate: Any = 0.003,
        loss: Any = None,
        epochs: int = 50,
        batch_size: Any = 64,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
    ):
        self.model = model
        self.hidden = hidden
        self.dropout = dropout
        self.optimizer = optimizer
        self.learn_rate = learn_rate
        self.loss = loss
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state

    # What differs

    _fewest_held_out = 1

    def _output(self) -> Model[Any, Any]:
        """The last layer of a network made from `hidden`."""
        raise NotImplementedError

    def _default_loss(self) -> Any:
        raise NotImplementedError

    def _encode(self, y: Any) -> Any:
        """Truths as the loss takes them."""
        raise NotImplementedError

    def _sample(self, Y: Any) -> Any:
        """A sample of the output, from encoded truths, to read its width off."""
        raise NotImplementedError

    # Training

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """If fitting anew fails, what was fitted before stays in use."""
        goes_on = self.warm_start and hasattr(self, "model_")
        before = dict(self.__dict__)
        try:
            yield
        except Exception:
            if not goes_on:
                self.__dict__.clear()
                self.__dict__.update(before)
            raise

    def _fit(self, X: Any, y: Any) -> None:
        """Train for all epochs, from the start or from where the last training ended."""
        goes_on = self.warm_start and hasattr(self, "model_")
        generator = check_random_state(self.random_state)
        Y = self._encode(y)
        with seeded(generator):
            if not goes_on:
                self._begin(X, Y, generator)
            train, held_out = self._split(X, Y, y)
            watch = None
            if held_out is not None:
                watch = EarlyStopping(
                    self.model_, lambda: self._score_encoded(*held_out), self.patience, self.tol
                )
            for _ in range(self.epochs):
                self._run_epoch(*train)
                if watch is not None and watch.is_enough():
                    break
            if watch is not None:
                watch.restore()
                self.validation_scores_, self.best_validation_score_ = watch.scores, watch.best

    def _partial_fit(self, X: Any, y: Any) -> None:
        """Train for one epoch, from where the last training ended."""
        if not hasattr(self, "model_"):
            generator = check_random_state(self.random_state)
            with seeded(generator):
                self._begin(X, self._encode(y), generator)
        with seeded(self._generator):
            self._run_epoch(X, self._encode(y))

    def _begin(self, X: Any, Y: Any, generator: Any) -> None:
        """Make model, optimizer and loss."""
        model = self._make_model()
        if any(node.has_param(name) is None for node in model.walk() for name in node.param_names):
            model.initialize(X=X[:5], Y=self._sample(Y))
        elif model.has_dim("nO") and model.get_dim("nO") != self._sample(Y).shape[1]:
            raise ValueError(
                f"{type(self).__name__}: expected a model with {self._sample(Y).shape[1]} outputs for this y, got "
                f"{model.get_dim('nO')} of '{model.name}'"
            )
        self.model_ = model
        self.optimizer_ = self._make_optimizer()
        self.loss_ = self._default_loss() if self.loss is None else copy.deepcopy(self.loss)
        # A schedule of the estimator's own: that of the caller begins at its beginning in every fit.
        self._sizes = (
            self.batch_size if inspect.isgenerator(self.batch_size) else copy.deepcopy(self.batch_size)
        )
        self.loss_curve_: list[float] = []
        self.n_iter_ = 0
        self._generator = generator

    def _make_model(self) -> Model[Any, Any]:
        given = self.model
        if given is None:
            layers = [Relu(width, dropout=self.dropout or None) for width in self.hidden]
            return chain(*layers, self._output()) if layers else self._output()
        model = given.copy() if isinstance(given, Model) else given() if callable(given) else given
        if not isinstance(model, Model):
            raise TypeError(
                f"{type(self).__name__}: expected model to be a Model or a function that makes one, got "
                f"{type(model).__name__}"
            )
        return model

    def _make_optimizer(self) -> Any:
        if self.optimizer is None:
            return Adam(copy.deepcopy(self.learn_rate), use_averages=False)
        return copy.deepcopy(self.optimizer) if isinstance(self.optimizer, Optimizer) else self.optimizer()

    def _run_epoch(self, X: Any, Y: Any) -> None:
        data = self.model_.ops.asarray(X), self.model_.ops.asarray(Y)
        size = self._sizes if is_schedule(self.batch_size) else self.batch_size
        mean = run_epoch(self.model_, self.optimizer_, self.loss_, size, data, self.shuffle)
        self.loss_curve_.append(mean)
        self.n_iter_ += 1

    def _split(self, X: Any, Y: Any, y: Any) -> tuple[tuple[Any, Any], tuple[Any, Any] | None]:
        """What to train on, and what to watch, if anything."""
        if not self.early_stopping:
            return (X, Y), None
        n_held = max(math.ceil(self.validation_fraction * len(X)), self._fewest_held_out)
        if n_held >= len(X):
            raise ValueError(
                f"{type(self).__name__}: cannot hold out {n_held} of n_samples={len(X)} to watch, for none would be "
                "left to train on. Give more, or use a smaller validation_fraction, or early_stopping=False"
            )
        train_X, held_X, train_Y, held_Y = train_test_split(
            X, Y, test_size=n_held, stratify=self._strata(Y, n_held), random_state=self._seed()
        )
        return (train_X, train_Y), (held_X, held_Y)

    def _strata(self, Y: Any, n_held: int) -> Any:
        """What both parts shall have as much of as the whole, if anything."""
        return None

    def _seed(self) -> int:
        return int(numpy.random.randint(2**31 - 1))  # `seeded` has seeded it

    def _score_encoded(self, X: Any, Y: Any) -> float:
        raise NotImplementedError

    # Input

    def _check_settings(self) -> None:
        widths = self.hidden
        if not isinstance(widths, Iterable) or not all(
            isinstance(width, numbers.Integral) and width > 0 for width in widths
        ):
            raise ValueError(
                f"{type(self).__name__}: expected hidden to be a sequence of whole numbers of at least 1, such as "
                f"(100,), got {widths!r}"
            )
        if not 0 <= self.dropout <= 1:
            raise ValueError(
                f"{type(self).__name__}: expected dropout to be between 0 and 1, got {self.dropout!r}"
            )
        for name in ("optimizer", "loss"):
            value = getattr(self, name)
            if value is not None and not callable(value):
                raise TypeError(
                    f"{type(self).__name__}: expected {name} to be an object or a function as the documentation says, "
                    f"got {value!r}"
                )
        for name, least in (("epochs", 1), ("patience", 1)):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < least:
                raise ValueError(
                    f"{type(self).__name__}: expected {name} to be at least {least}, got {value!r}"
                )
        if isinstance(self.batch_size, numbers.Real) and self.batch_size < 1:
            raise ValueError(
                f"{type(self).__name__}: expected batch_size to be at least 1, got {self.batch_size!r}"
            )
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"{type(self).__name__}: expected validation_fraction to be between 0 and 1, got "
                f"{self.validation_fraction!r}"
            )

    def _check_X(self, X: Any) -> Any:
        """Rows to predict for, float32 (B, nI)."""
        check_is_fitted(self, "model_")
        return validate_data(self, X, dtype=numpy.float32, order="C", reset=False)

    def _outputs(self, X: Any) -> Any:
        """What the model predicts for rows that have been checked."""
        ops = self.model_.ops
        batches = ops.minibatch(PREDICTED, ops.asarray(X))
        return numpy.concatenate([ops.to_numpy(self.model_.predict(batch)) for batch in batches])
