"""Run a PyTorch module in evaluation mode, and leave its mode as it was."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Dict, List

from .. import compat

_LOCK = threading.RLock()


class _Switched:
    """A module in evaluation mode, with its parts that are to be in training mode again."""

    def __init__(self, model: Any):
        self.model = model
        self.training: List[Any] = [module for module in model.modules() if module.training]
        self.is_plain = all(_is_plain(module) for module in self.training)
        self.n_users = 0
        if self.is_plain:
            # What `eval` and `train` do, without the walks and checks that cost more than many a forward pass.
            _set_flags(self.training, False)
        else:
            model.eval()  # some modules do more than to set the flag

    def restore(self) -> None:
        if self.is_plain:
            _set_flags(self.training, True)
            return
        if self.training[0] is self.model:
            self.model.train()
        wanted = {id(module) for module in self.training}
        for module in self.model.modules():
            if module.training != (id(module) in wanted):
                module.training = id(module) in wanted


_SWITCHED: Dict[int, _Switched] = {}


@contextmanager
def evaluation_mode(model: Any) -> Iterator[None]:
    """Put a module into evaluation mode for a block; afterwards the same parts are in training mode as before.

    Where several threads predict with one module, the last one to finish puts it back.
    """
    with _LOCK:
        switched = _SWITCHED.get(id(model)) or _Switched(model)
        _SWITCHED[id(model)] = switched
        switched.n_users += 1
    try:
        yield
    finally:
        with _LOCK:
            switched.n_users -= 1
            if not switched.n_users:
                del _SWITCHED[id(model)]
                switched.restore()


def _is_plain(module: Any) -> bool:
    """Whether the mode of a module is nothing but its own attribute."""
    plain, cls = compat.torch.nn.Module, type(module)
    return (
        cls.train is plain.train
        and cls.eval is plain.eval
        and cls.__setattr__ is plain.__setattr__
        and "training" in vars(module)
    )


def _set_flags(modules: List[Any], training: bool) -> None:
    for module in modules:
        vars(module)["training"] = training
