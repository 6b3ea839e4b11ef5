"""The contract of the wrappers: a network does the same in its own framework and inside a thinc model.

`tests/shims/test_contract.py` runs every case of every framework through the same tests. To add a framework, write
``tests/helpers/contract_NAME.py`` with a `Framework` and a list ``CASES``, and add its name to `ROW_MODULES`. The
module must import without the framework: build networks inside of functions.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import pytest

from thinc.model import Model
from thinc.types import ArgsKwargs, Padded

ROW_MODULES = ("contract_pytorch", "contract_jax", "contract_tensorflow")

Arrays = dict[str, numpy.ndarray]  # by the name of the parameter
RATES = {"sgd": 0.1, "adam": 0.01}
EPS = (
    1e-12  # Adam's: so small that it does not matter whether it is added before or after the bias correction
)
N_STEPS = 10


class Framework(ABC):
    """What the contract must know of a framework. Tensors never leave it: everything here is in arrays.

    Attributes
    ----------
    name
        What is imported.
    extra
        What follows ``pip install thinc``, in brackets.
    missing
        Python expressions with names of `thinc.api`, each of which must ask for the extra where the framework is
        missing.
    updates_without_gradients
        Whether an update before there are gradients does nothing; otherwise it raises ValueError.
    """

    name: str
    extra: str
    missing: tuple[str, ...]
    updates_without_gradients = True

    def require(self) -> None:
        """Skip the test where the framework is missing; turn on what must be turned on."""
        pytest.importorskip(self.name, reason=f"needs the framework: pip install thinc[{self.extra}]")

    @abstractmethod
    def gradients(
        self, case: "Case", network: Any, Xs: list[numpy.ndarray], dYs: list[numpy.ndarray]
    ) -> tuple[list[numpy.ndarray], list[numpy.ndarray | None], Arrays]:
        """Run ``case.apply`` in training: outputs, gradients of the inputs (None for ids) and of the weights."""

    @abstractmethod
    def train(
        self, case: "Case", network: Any, Xs: list[numpy.ndarray], Ts: list[numpy.ndarray], optimizer: str
    ) -> Arrays:
        """Take `N_STEPS` steps of "sgd" or "adam" with the framework's own optimizer; return the weights.

        The rate is that in `RATES`, all else as thinc has it: no momentum in "sgd"; betas 0.9 and 0.999, eps `EPS`
        in "adam"; no decay. The loss is half the sum of ``(Y - T)**2`` over all elements of all outputs.
        """

    @abstractmethod
    def weights(self, model: Model) -> Arrays:
        """Copies of the weights inside a wrapped model, under the names that `train` gives."""

    def weight_gradients(self, model: Model) -> Arrays:
        """Copies of the gradients that wait inside a wrapped model, under the names that `gradients` gives."""
        found: Arrays = {}

        def record(key: tuple[int, str], W: Any, dW: Any) -> tuple[Any, Any]:
            assert key[0] == model.shims[0].id
            found[key[1]] = numpy.array(dW).reshape(W.shape)
            return W, dW

        model.finish_update(record)
        return found


@dataclass(frozen=True)
class Case:
    """A network, how to wrap it, and what to feed it.

    Attributes
    ----------
    id
        Unique among all cases.
    network
        Builds the network, with the same weights at every call, in float32 on the CPU.
    wrap
        Puts a network into a thinc model: a single node with one shim.
    batch
        The input of the model, the same at every call: arrays, alone or in lists, tuples, dicts, ArgsKwargs, Padded.
    apply
        ``apply(network, tensors)`` with the arrays of the batch as tensors: the list of the outputs.
    same_bytes
        Whether a loaded network is saved as the same bytes again.
    """

    id: str
    framework: Framework
    network: Callable[[], Any]
    wrap: Callable[[Any], Model]
    batch: Callable[[], Any]
    apply: Callable[[Any, list[Any]], list[Any]]
    same_bytes: bool = True

    def model(self) -> Model:
        return self.wrap(self.network())


def all_cases() -> list[Case]:
    modules = [importlib.import_module(f"helpers.{name}") for name in ROW_MODULES]
    return [case for module in modules for case in module.CASES]


def find_case(case_id: str) -> Case:
    return next(case for case in all_cases() if case.id == case_id)


def arrays_of(batch: Any) -> list[numpy.ndarray | None]:
    """The arrays of a batch, output or gradient, in order; None stands for a gradient that is missing."""
    if isinstance(batch, ArgsKwargs):
        return arrays_of([*batch.args, *batch.kwargs.values()])
    if isinstance(batch, Padded):
        return [batch.data]
    if isinstance(batch, dict):
        return arrays_of(list(batch.values()))
    if isinstance(batch, (list, tuple)):
        return [array for item in batch for array in arrays_of(item)]
    return [batch]


def with_arrays(batch: Any, arrays: list[numpy.ndarray]) -> Any:
    """An output like `batch` with other arrays; `arrays` is used up."""
    if isinstance(batch, Padded):
        return Padded(arrays.pop(0), batch.size_at_t, batch.lengths, batch.indices)
    if isinstance(batch, dict):
        return {key: with_arrays(value, arrays) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        return type(batch)(with_arrays(item, arrays) for item in batch)
    return arrays.pop(0)


def random_outputs(Ys: list[Any], seed: int) -> list[numpy.ndarray]:
    """Targets or gradients for these outputs."""
    rng = numpy.random.default_rng(seed)
    return [rng.normal(size=Y.shape).astype("float32") for Y in Ys]


def assert_arrays_close(found: Any, expected: Any, *, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Compare lists of arrays and Nones, or dicts of arrays."""
    if isinstance(expected, dict):
        assert sorted(found) == sorted(expected)
        found, expected = ([arrays[name] for name in sorted(arrays)] for arrays in (found, expected))
    assert len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        assert (x is None) == (y is None)
        if y is not None:
            numpy.testing.assert_allclose(x, y, rtol=rtol, atol=atol)
