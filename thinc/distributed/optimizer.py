"""prepare_optimizer: an optimizer that averages gradients over the workers before each update."""

from typing import Any

import numpy

from ..model import Model
from ..optimizers import Optimizer
from .buckets import BUCKET_BYTES, average_
from .communicator import Communicator, get_communicator
from .parameters import check_same_architecture, parameters_of


class DataParallelOptimizer(Optimizer):
    """An optimizer for `Model.finish_update` on several workers; `prepare_optimizer` makes it.

    Settings, state, saving and loading are those of `Optimizer`. Clipping, L2 and averages come after the
    gradients have been averaged, so they are as in one process.
    """

    __slots__ = ("_bucket_bytes", "_communicator", "_tree")

    _tree: Model[Any, Any]
    _communicator: Communicator
    _bucket_bytes: int

    def update_many(
        self, keys: list[Any], weights: list[Any], gradients: list[Any], *, lr_scale: float = 1.0
    ) -> list[Any]:
        """Average the gradients over the workers, then update; called by `Model.finish_update` on every worker.

        A parameter that has a gradient on some workers only counts as zero on the others, and is updated on all.

        Parameters and errors are those of `Optimizer.update_many`; ValueError also if a parameter is not in the
        model that the optimizer was prepared for, and ConnectionError if another worker is gone. Then nothing
        has been updated.
        """
        communicator = self._communicator
        if communicator.world_size == 1:
            return super().update_many(keys, weights, gradients, lr_scale=lr_scale)
        parameters = parameters_of(self._tree)
        places = {(node.id, name): i for i, (node, name, _) in enumerate(parameters)}
        own: dict[int, Any] = {}
        for key, gradient in zip(keys, gradients, strict=True):
            if key not in places:
                raise ValueError(
                    f"Cannot update parameter {key}: it is not in the tree of model '{self._tree.name}', which "
                    "the optimizer was prepared for. Call finish_update on that model, or prepare one that "
                    "holds all of them."
                )
            own[places[key]] = gradient
        # Dropout of layers, or a branch that a batch did not take: workers need not have the same gradients.
        counts = numpy.zeros(len(parameters), dtype="int64")
        counts[list(own)] = 1
        communicator.allreduce_(counts)
        chosen = [int(i) for i in numpy.flatnonzero(counts)]
        for i in chosen:
            if i not in own:
                node, name, W = parameters[i]
                own[i] = node.ops.xp.zeros_like(W)
        averaged = [own[i] for i in chosen]
        average_(averaged, communicator, self._bucket_bytes)
        all_keys = [(parameters[i][0].id, parameters[i][1]) for i in chosen]
        given = dict(zip(keys, weights, strict=True))
        all_weights = [given.get(key, parameters[i][2]) for key, i in zip(all_keys, chosen, strict=True)]
        updated = dict(
            zip(
                all_keys,
                super().update_many(all_keys, all_weights, averaged, lr_scale=lr_scale),
                strict=True,
            )
        )
        for i, key in zip(chosen, all_keys, strict=True):
            if key not in given:
                node, name, W = parameters[i]
                if updated[key] is not W:
                    node.set_param(name, updated[key])
        return [updated[key] for key in keys]


def prepare_optimizer(
    optimizer: Optimizer,
    model: Model[Any, Any],
    communicator: Communicator | None = None,
    *,
    bucket_bytes: int = BUCKET_BYTES,
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

    Returns
    -------
    DataParallelOptimizer

    Raises
    ------
    TypeError
        If it is something else than an `Optimizer`, or has an update rule of its own in ``__call__``.
    ValueError
        On every worker, if the models of two workers differ.
    NotImplementedError
        If the model holds networks of other frameworks, and there is more than one worker.
    """
    if not isinstance(optimizer, Optimizer) or type(optimizer).__call__ is not Optimizer.__call__:
        raise TypeError(
            f"Cannot average gradients for an optimizer of {type(optimizer)}: expected thinc's Optimizer, such as "
            "Adam(0.001) gives"
        )
    communicator = communicator or get_communicator()
    if communicator.world_size > 1:
        check_same_architecture(model, communicator)
    prepared = DataParallelOptimizer.__new__(DataParallelOptimizer)
    for name in Optimizer.__slots__:
        setattr(prepared, name, getattr(optimizer, name))
    prepared._tree, prepared._communicator, prepared._bucket_bytes = model, communicator, bucket_bytes
    return prepared
