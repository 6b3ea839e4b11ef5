"""Shim: the base of the adapters that let a model hold a network of another framework."""

import copy
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Tuple

from .._util.ids import Identified
from .._util.paths import read_bytes, write_bytes


class Shim(Identified):
    """Adapter around the object of another framework; subclasses define what running and updating mean.

    Parameters
    ----------
    model
        The foreign network.
    config : dict, optional
        Settings that are saved along with the network; copied (shallowly).
    optimizer
        The framework's own optimizer, if it needs one.

    Attributes
    ----------
    id : int
        Unique in the process among all shims and models; the first part of the optimizer's keys.
    cfg : dict
        The settings.
    """

    id: int
    cfg: Dict[str, Any]
    _model: Any
    _optimizer: Any

    def __init__(self, model: Any, config: Optional[Dict[str, Any]] = None, optimizer: Any = None):
        self.id = self._draw_id()
        self.cfg = dict(config) if config is not None else {}
        self._model = model
        self._optimizer = optimizer

    def __call__(self, inputs: Any, is_train: bool) -> Tuple[Any, Callable[..., Any]]:
        """Run the network; return its outputs and the callback of the backward pass."""
        raise NotImplementedError(self._undefined("__call__"))

    def predict(self, X: Any) -> Any:
        """Run the network outside training; return the outputs only."""
        return self(X, is_train=False)[0]

    def begin_update(self, X: Any) -> Tuple[Any, Callable[..., Any]]:
        """Run the network in training; return its outputs and the callback of the backward pass."""
        return self(X, is_train=True)

    def finish_update(self, optimizer: Any) -> None:
        """Update the network's parameters from their gradients."""
        raise NotImplementedError(self._undefined("finish_update"))

    def gradient_types(self) -> Dict[str, Tuple[Tuple[int, ...], str]]:
        """Name to shape and type of the array that `get_gradients` gives for each parameter that has a gradient.

        This, `get_gradients` and `set_gradients` are needed for training on several workers only.
        """
        raise NotImplementedError(self._undefined("gradient_types"))

    def get_gradients(self) -> Dict[str, Any]:
        """Name to the gradient of each parameter that has one: NumPy arrays, which may share its memory."""
        raise NotImplementedError(self._undefined("get_gradients"))

    def set_gradients(self, gradients: Mapping[str, Any]) -> None:
        """Replace gradients by NumPy arrays of the shapes that `get_gradients` gives them."""
        raise NotImplementedError(self._undefined("set_gradients"))

    @contextmanager
    def use_params(self, params: Any) -> Iterator[None]:
        """Swap in other parameters for a block. The base class has none, so this does nothing."""
        yield

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the network to ``"cpu"`` or ``"gpu"``."""
        raise NotImplementedError(self._undefined("to_device"))

    def to_bytes(self) -> bytes:
        """Serialize the settings and the parameters."""
        raise NotImplementedError(self._undefined("to_bytes"))

    def from_bytes(self, bytes_data: bytes) -> Any:
        """Load what ``to_bytes`` gave."""
        raise NotImplementedError(self._undefined("from_bytes"))

    def to_disk(self, path: Any) -> None:
        """Write ``to_bytes()`` to a file; ``path`` is a string or anything like a ``pathlib.Path``."""
        write_bytes(path, self.to_bytes())

    def from_disk(self, path: Any) -> Any:
        """Load a file that ``to_disk`` wrote; return what ``from_bytes`` returns."""
        return self.from_bytes(read_bytes(path))

    def copy(self) -> "Shim":
        """Copy deeply, under a fresh id, so that the copy has an optimizer state of its own."""
        copied = copy.deepcopy(self)
        copied.id = self._draw_id()
        return copied

    def _undefined(self, method: str) -> str:
        return f"{type(self).__name__} does not define '{method}': a subclass of Shim must."
