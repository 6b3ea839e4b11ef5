"""prepare_optimizer: an optimizer that averages gradients over the workers before each update."""

from typing import Any

from .._util.arrays import is_finite
from ..model import Model
from ..optimizers import Optimizer, is_ours
from .buckets import BUCKET_BYTES, Reduction
from .communicator import Communicator, get_communicator
from .gradients import average_gradients
from .parameters import check_same_architecture


class DataParallelOptimizer(Optimizer):
    """An optimizer for ``Model.finish_update`` on several workers; `prepare_optimizer` makes it.

    Settings, state, saving and loading are those of `Optimizer`. Clipping, L2 and averages come after the
    gradients have been averaged, so they are as in one process.
    """

    __slots__ = ("_bucket_bytes", "_communicator", "_reduction", "_tree")

    _tree: Model[Any, Any]
    _communicator: Communicator
    _bucket_bytes: int
    _reduction: Reduction

    def gather_gradients(self, model: Model[Any, Any]) -> bool:
        """Average the gradients over the workers; called by ``Model.finish_update`` on every worker.

        With ``on_nonfinite="raise"`` or ``"skip"`` it is the average that is looked at, so that every worker does
        the same. Wherever one worker has a NaN or an infinity, the average has one.

        Parameters
        ----------
        model : Model
            The tree that the optimizer was prepared for, or a part of it, the same on every worker.

        Returns
        -------
        bool
            Whether there is more than one worker.

        Raises
        ------
        ValueError
            If `model` is not in that tree.
        ConnectionError
            If another worker is gone.
        FloatingPointError
            On every worker, if an averaged gradient is not finite and ``on_nonfinite="raise"``. In every case
            parameters and the optimizer's state are as they were.
        """
        if self._communicator.world_size == 1:
            return False
        if model is not self._tree and all(node is not model for node in self._tree.walk()):
            raise ValueError(
                f"Cannot update model '{model.name}': it is not in the tree of model '{self._tree.name}', which "
                "the optimizer was prepared for. Call finish_update on that model, or prepare one that holds both."
            )
        averages = average_gradients(model, self._communicator, self._bucket_bytes, self._reduction)
        if self.on_nonfinite == "raise" and not all(map(is_finite, averages)):
            raise FloatingPointError(
                f"Cannot update model '{model.name}': the average of a gradient over {self._communicator.world_size} "
                "workers has NaNs or infinities, so one of theirs has. No worker has changed anything. Lower the "
                "learning rate, look for a division by zero or a logarithm of zero in the model, or use "
                "on_nonfinite='skip'."
            )
        return True


def prepare_optimizer(
    optimizer: Optimizer,
    model: Model[Any, Any],
    communicator: Communicator | None = None,
    *,
    bucket_bytes: int = BUCKET_BYTES,
    reduction: Reduction = "mean",
) -> DataParallelOptimizer:
    """Make an optimizer average the gradients over the workers before each update.

    ``model.finish_update(optimizer)`` must then be called equally often on every worker.

    Parameters
    ----------
    optimizer : Optimizer
        Taken over, with its state: use what is returned instead.
    model : Model
        The tree whose parameters it updates, the same on every worker: see `prepare_model`.
    communicator : Communicator, optional
        By default that of the training loop.
    bucket_bytes : int
        Gradients are sent in messages of about this size; it must be the same on every worker.
    reduction : {"mean", "sum"}
        "mean" for losses that are means over the batch, "sum" for those that are sums, such as spaCy's: then W workers
        with B/W rows each do what one does with B rows.

    Returns
    -------
    DataParallelOptimizer

    Raises
    ------
    TypeError
        If it is something else than an `Optimizer`, or has an update rule of its own in ``__call__``.
    ValueError
        On every worker, if the models of two workers differ; or if `reduction` is something else.
    NotImplementedError
        If the model holds a shim whose gradients cannot be averaged, and there is more than one worker.
    """
    if not isinstance(optimizer, Optimizer) or not is_ours(optimizer):
        raise TypeError(
            f"Cannot average gradients for an optimizer of {type(optimizer)}: expected thinc's Optimizer, such as "
            "Adam(0.001) gives"
        )
    if reduction not in ("mean", "sum"):
        raise ValueError(f"prepare_optimizer: reduction is {reduction!r}; expected 'mean' or 'sum'")
    communicator = communicator or get_communicator()
    if communicator.world_size > 1:
        check_same_architecture(model, communicator)
    prepared = DataParallelOptimizer.__new__(DataParallelOptimizer)
    for name in Optimizer.__slots__:
        setattr(prepared, name, getattr(optimizer, name))
    prepared._tree, prepared._communicator = model, communicator
    prepared._bucket_bytes, prepared._reduction = bucket_bytes, reduction
    return prepared
