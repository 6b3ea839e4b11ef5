"""prepare_model: the same architecture and the same parameters on every worker."""

import hashlib
from typing import Any

import numpy

from .._util.arrays import to_numpy
from ..model import Model
from ..shims.shim import Shim
from .buckets import BUCKET_BYTES, pack, plan_buckets, unpack_into
from .communicator import Communicator, get_communicator


def prepare_model(
    model: Model[Any, Any], communicator: Communicator | None = None, *, bucket_bytes: int = BUCKET_BYTES
) -> Model[Any, Any]:
    """Give every worker the parameters of the worker of rank 0; return the model, changed in place.

    Parameters
    ----------
    model : Model
        Initialized, and built from the same layers on every worker.
    communicator : Communicator, optional
        By default that of the training loop.
    bucket_bytes : int
        The size of the messages; it must be the same on every worker.

    Raises
    ------
    ValueError
        On every worker, if the models of two workers differ in their layers or in the shapes of their
        parameters; nothing has been changed then.
    NotImplementedError
        If it holds a shim whose gradients cannot be averaged, and there is more than one worker.
    """
    communicator = communicator or get_communicator()
    if communicator.world_size == 1:
        return model
    check_same_architecture(model, communicator)
    arrays = [array for _, _, array in parameters_of(model)]
    for bucket in plan_buckets([a.shape for a in arrays], [a.dtype for a in arrays], bucket_bytes):
        members = [arrays[i] for i in bucket]
        buffer = pack(members)
        communicator.broadcast_(buffer)
        if communicator.rank:
            unpack_into(buffer, members)
    for node in model.walk():
        for shim in node.shims:
            data = _broadcast_bytes(shim.to_bytes() if communicator.rank == 0 else b"", communicator)
            if communicator.rank:
                shim.from_bytes(data)
    return model


def _broadcast_bytes(data: bytes, communicator: Communicator) -> bytes:
    size = numpy.array([len(data)], dtype="int64")
    communicator.broadcast_(size)
    buffer = numpy.zeros(size[0], dtype="u1")
    if communicator.rank == 0:
        buffer[:] = numpy.frombuffer(data, dtype="u1")
    communicator.broadcast_(buffer)
    return buffer.tobytes()


def parameters_of(model: Model[Any, Any]) -> list[tuple[Model[Any, Any], str, Any]]:
    """Node, name and array of each parameter that is set, in the order of the tree."""
    return [
        (node, name, node.get_param(name))
        for node in model.walk()
        for name in node.param_names
        if node.has_param(name)
    ]


def check_same_architecture(model: Model[Any, Any], communicator: Communicator) -> None:
    """Raise ValueError on every worker unless all have the same layers with parameters of the same shapes."""
    foreign = [
        node.name
        for node in model.walk()
        if any(type(shim).get_gradients is Shim.get_gradients for shim in node.shims)
    ]
    if foreign:
        raise NotImplementedError(
            f"Cannot train model '{model.name}' on several workers: the shims of its layers {foreign} do not define "
            "get_gradients, so that their gradients cannot be averaged. Define it, or train on one worker."
        )
    own = _digest(model)
    common = own.copy()
    communicator.broadcast_(common)
    differs = numpy.array([not numpy.array_equal(own, common)], dtype="int64")
    is_other = bool(differs[0])
    communicator.allreduce_(differs)
    if differs[0]:
        raise ValueError(
            f"Cannot train model '{model.name}' on {communicator.world_size} workers: those of {differs[0]} of "
            f"them differ from that of rank 0 (this is rank {communicator.rank}, whose model "
            f"{'differs' if is_other else 'is the same'}). Build it from the same layers and initialize it with "
            "samples of the same widths everywhere."
        )


def _digest(model: Model[Any, Any]) -> numpy.ndarray:
    nodes = [
        (node.name, [(name, node.maybe_get_dim(name)) for name in node.dim_names]) for node in model.walk()
    ]
    arrays = [(node.name, name, array.shape, array.dtype.str) for node, name, array in parameters_of(model)]
    shims = [
        (node.name, type(shim).__name__, sorted(shim.gradient_types().items()))
        for node in model.walk()
        for shim in node.shims
    ]
    return numpy.frombuffer(hashlib.sha256(repr((nodes, arrays, shims)).encode()).digest(), dtype="u1").copy()


def digest_parameters(model: Model[Any, Any]) -> str:
    """A fingerprint of all parameters: equal where they are bitwise the same."""
    total = hashlib.sha256()
    for _, _, array in parameters_of(model):
        total.update(numpy.ascontiguousarray(to_numpy(array)).tobytes())
    return total.hexdigest()
