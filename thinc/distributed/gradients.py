"""All gradients of a tree, those of other frameworks' networks too: what is averaged over the workers."""

from typing import Any

import numpy

from .._model_state import gradients_of
from ..model import Model
from .buckets import Reduction, average_
from .communicator import Communicator
from .parameters import parameters_of

Key = tuple[int, str]


def average_gradients(
    model: Model[Any, Any], communicator: Communicator, bucket_bytes: int, reduction: Reduction = "mean"
) -> list[Any]:
    """Average the gradients of a tree over the workers, in place; return the averages, in the order of the tree.

    A parameter that has a gradient on some workers only counts as zero on the others, and has the average on all.

    Raises
    ------
    ConnectionError
        If another worker is gone. Some gradients may be averages already then.
    """
    shims = [shim for node in model.walk() for shim in node.shims]
    own: dict[Key, Any] = {key: dW for _, key, _, dW in gradients_of(model.walk())}
    for shim in shims:
        own.update({(shim.id, name): dW for name, dW in shim.get_gradients().items()})
    parameters = parameters_of(model)
    zeros: dict[Key, Any] = {
        (node.id, name): lambda ops=node.ops, W=W: ops.xp.zeros_like(W) for node, name, W in parameters
    }
    for shim in shims:
        for name, shape_and_type in shim.gradient_types().items():
            zeros[shim.id, name] = lambda arguments=shape_and_type: numpy.zeros(*arguments)
    keys = list(zeros)
    # Dropout of layers, or a branch that a batch did not take: workers need not have the same gradients.
    counts = numpy.array([key in own for key in keys], dtype="int64")
    communicator.allreduce_(counts)
    chosen = [key for key, count in zip(keys, counts, strict=True) if count]
    averaged = {key: own[key] if key in own else zeros[key]() for key in chosen}
    average_(list(averaged.values()), communicator, bucket_bytes, reduction=reduction)
    for node, name, _ in parameters:
        if (node.id, name) in averaged and (node.id, name) not in own:
            node.set_grad(name, averaged[node.id, name])
    for shim in shims:
        names = [name for shim_id, name in chosen if shim_id == shim.id]
        if names:
            shim.set_gradients({name: averaged[shim.id, name] for name in names})
    return list(averaged.values())
