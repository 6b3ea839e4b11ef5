"""The state of the random generators in use, as plain data."""

import sys
from collections.abc import Callable
from typing import Any

import numpy


def get_random_state() -> dict[str, Any]:
    """Collect the states of the generators of Python, NumPy and, if it has been imported, PyTorch.

    The masks of dropout are drawn from keys that come from NumPy's generator: they have no state of their own.
    """
    import random

    version, words, gauss = random.getstate()
    state: dict[str, Any] = {
        "python": {"version": version, "words": numpy.array(words, dtype="<u4"), "gauss": gauss},
        "numpy": _encode(numpy.random.get_state(legacy=False)),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch"] = {"cpu": torch.get_rng_state().numpy(), "cuda": []}
        if torch.cuda.is_initialized():
            state["torch"]["cuda"] = [device.numpy() for device in torch.cuda.get_rng_state_all()]
    return state


def prepare_random_state(state: Any, what: str) -> Callable[[], None]:
    """Check what `get_random_state` gave, and return the function that takes it over.

    PyTorch's state is taken over if PyTorch has been imported.

    Raises
    ------
    ValueError
        If it is not the state of such generators. Nothing has been changed.
    """
    import random

    try:
        own = state["python"]
        python = (own["version"], tuple(own["words"].tolist()), own["gauss"])
        random.Random().setstate(python)
        scratch = type(numpy.random.mtrand._rand._bit_generator)
        of_numpy = _decode(state["numpy"])
        numpy.random.RandomState(scratch()).set_state(of_numpy)
        seeders: list[Callable[[], Any]] = [
            lambda: random.setstate(python),
            lambda: numpy.random.set_state(of_numpy),
        ]
        if "torch" in state and "torch" in sys.modules:
            seeders.append(_prepare_torch(sys.modules["torch"], state["torch"]))
    except (AttributeError, IndexError, KeyError, OverflowError, RuntimeError, TypeError, ValueError) as err:
        raise ValueError(
            f"Cannot load the state of the random generators from {what}: {type(err).__name__}: {err}"
        ) from err

    def apply() -> None:
        for seed in seeders:
            seed()

    return apply


def _encode(value: Any) -> Any:
    """With text in the place of numbers of 128 bits, which `numpy.random.PCG64` has, and messages cannot hold."""
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    return hex(value) if isinstance(value, int) and value >= 2**63 else value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _decode(item) for key, item in value.items()}
    return int(value, 16) if isinstance(value, str) and value.startswith("0x") else value


def _prepare_torch(torch: Any, state: Any) -> Callable[[], None]:
    cpu = torch.from_numpy(state["cpu"].copy())
    devices = [torch.from_numpy(device.copy()) for device in state["cuda"]]
    torch.Generator().set_state(cpu)

    def apply() -> None:
        torch.set_rng_state(cpu)
        if devices and torch.cuda.is_available() and torch.cuda.device_count() == len(devices):
            torch.cuda.set_rng_state_all(devices)

    return apply
