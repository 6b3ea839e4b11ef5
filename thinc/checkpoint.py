"""Checkpoints: everything that training needs to go on exactly where it was."""

from collections.abc import Callable
from typing import Any

from ._optimizer_state import prepare_state, to_state
from ._util.msgpack import pack, seal, unpack, unseal
from ._util.paths import read_bytes, write_bytes
from ._util.random_state import get_random_state, prepare_random_state
from .about import __version__
from .backends._batches import Batches
from .model import Model
from .optimizers import Optimizer
from .types import SizedGenerator

__all__ = ["load_checkpoint", "save_checkpoint"]

_KIND = "checkpoint 1"


def save_checkpoint(
    path: Any,
    model: Model[Any, Any],
    optimizer: Optimizer | None,
    *,
    batches: SizedGenerator | None = None,
    extra: Any = None,
) -> None:
    """Write the state of a training run to a file, which is replaced wholly or not at all.

    The file holds parameters and attributes of the model; the optimizer's settings, moments, averages and
    counts, by place in the tree; the positions of its schedules; the states of the random generators of Python,
    NumPy and PyTorch; and the position in the pass over the batches. Trained on from there, in another process,
    a model that was built in the same way gets bit for bit the weights that it would have got here.

    Gradients are not in it: save after ``finish_update``.

    Parameters
    ----------
    path : str or Path
    model : Model
    optimizer : Optimizer, optional
        One that updates this model only.
    batches : SizedGenerator, optional
        What `ops.minibatch` or `ops.multibatch` gave, while it is iterated over or between two passes.
    extra
        Whatever else the training loop needs, such as the number of the epoch or the best score: numbers, text,
        bytes, lists, dicts, NumPy arrays.

    Raises
    ------
    OSError
        If the file cannot be written; an older one is as it was.
    TypeError
        If `extra` holds something else, or `batches` did not come from `minibatch` or `multibatch`.
    ValueError
        If the optimizer has state of parameters that are not in the model.

    Examples
    --------
    >>> batches = ops.multibatch(128, X, Y, shuffle=True)
    >>> for epoch in range(10):
    ...     for x, y in batches:
    ...         ...
    ...         save_checkpoint("run.ckpt", model, optimizer, batches=batches, extra={"epoch": epoch})
    """
    _check_extra(extra)
    content = {
        "version": __version__,
        "model": model.to_bytes(),
        "optimizer": None if optimizer is None else to_state(optimizer, model),
        "random": get_random_state(),
        "batches": position_in(batches),
        "extra": extra,
    }
    write_bytes(path, seal(_KIND, content))


def load_checkpoint(
    path: Any,
    model: Model[Any, Any],
    optimizer: Optimizer | None,
    *,
    batches: SizedGenerator | None = None,
) -> Any:
    """Take the state of a training run over from a file that `save_checkpoint` wrote.

    Parameters
    ----------
    path : str or Path
    model : Model
        Built from the same layers; it need not be initialized.
    optimizer : Optimizer, optional
        Made with the same schedules; left out, its state in the file is not used.
    batches : SizedGenerator, optional
        Over the same data; the next ``iter()`` goes on within the pass.

    Returns
    -------
    What was given as `extra`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or does not fit; the message names the file, and model, optimizer, batches and
        random generators are as they were.

    Notes
    -----
    A file from elsewhere can give wrong numbers, but runs no code.
    """
    what = f"the checkpoint {path}"
    content = unseal(_KIND, read_bytes(path), what)
    if not isinstance(content, dict) or not isinstance(content.get("model"), bytes):
        raise ValueError(f"Cannot load {what}: it is not laid out as a checkpoint")
    steps = [prepare_random_state(content.get("random"), what)]
    if optimizer is not None:
        if content.get("optimizer") is None:
            raise ValueError(f"Cannot load {what}: it was saved without an optimizer; pass optimizer=None")
        steps.append(prepare_state(optimizer, content["optimizer"], model, f"the optimizer from {what}"))
    steps += prepare_position(batches, content.get("batches"), what)
    message = unpack(content["model"], f"model '{model.name}' from {what}")
    try:
        model.from_dict(message)  # the last that can refuse
    except (IndexError, KeyError, ValueError) as err:
        raise ValueError(f"Cannot load {what}: {err}") from err
    for apply in steps:
        apply()
    return content.get("extra")


def _check_extra(extra: Any) -> None:
    """Refuse what can be written but not read back, such as dicts with tuples as keys, before a file is replaced."""
    try:
        unpack(pack(extra), "`extra`")
    except (OverflowError, TypeError, ValueError) as err:
        raise TypeError(
            f"A checkpoint cannot hold this as `extra` ({err.__cause__ or err}): expected numbers, text, bytes, lists, "
            "dicts with such keys, and NumPy arrays of numbers"
        ) from err


def position_in(batches: SizedGenerator | None) -> Any:
    """The position in batches as plain data, or None without them."""
    return None if batches is None else _check_batches(batches).get_state()


def prepare_position(
    batches: SizedGenerator | None, position: Any, what: str, *, is_share: bool = False
) -> list[Callable[[], None]]:
    """Check what `position_in` gave, and return the function that takes it over; none without batches.

    With `is_share` it is that of batches of other items, of which as many are done in proportion.
    """
    if batches is None:
        return []
    if position is None:
        raise ValueError(f"Cannot load {what}: it was saved without batches; leave them out")
    checked = _check_batches(batches)
    return [(checked.prepare_share if is_share else checked.prepare_state)(position, what)]


def _check_batches(batches: Any) -> Batches:
    if not isinstance(batches, Batches):
        raise TypeError(
            f"A checkpoint holds the position in batches that ops.minibatch or ops.multibatch gave, "
            f"not in {type(batches)}; for others, keep a count in `extra`"
        )
    return batches
