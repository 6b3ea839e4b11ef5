"""Between our communicators and the groups of ``ray.util.collective``, in both directions. Needs no Ray itself."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy

from .._util.arrays import copy_array, is_cupy_array, is_torch_array
from .communicator import Communicator

# What `ThincTrainer` takes as `backend`, and the name that Ray knows it by.
GROUP_BACKENDS = {"ray": "THINC", "gloo": "GLOO", "nccl": "NCCL"}
OPERATIONS = {"PRODUCT": numpy.multiply, "MIN": numpy.minimum, "MAX": numpy.maximum}


class GroupCommunicator:
    """A `Communicator` by a group of ``ray.util.collective``.

    Parameters
    ----------
    collective
        That module.
    name : str
        Of a group that this process is in.
    """

    def __init__(self, collective: Any, name: str):
        self.group_name = name
        self.rank: int = collective.get_rank(name)
        self.world_size: int = collective.get_collective_group_size(name)
        self._collective = collective

    def allreduce_(self, array: Any) -> None:
        """Put the sum over all workers into the array of each; see `Communicator`."""
        self._call("allreduce", array)

    def broadcast_(self, array: Any, root: int = 0) -> None:
        """Put the array of the worker `root` into that of each; see `Communicator`."""
        self._call("broadcast", array, src_rank=root)

    def barrier(self) -> None:
        """Wait until every worker has come here."""
        self._call("barrier")

    def close(self) -> None:
        """Leave the group."""
        self._collective.destroy_collective_group(self.group_name)

    def _call(self, operation: str, *arrays: Any, **settings: Any) -> None:
        try:
            getattr(self._collective, operation)(*arrays, group_name=self.group_name, **settings)
        except RuntimeError as err:  # PyTorch's, of all kinds
            raise ConnectionError(
                f"Rank {self.rank}: {operation} in Ray's group has failed: {err}. If another worker has failed, see "
                "what it reported. Training goes on from the last checkpoint if the run allows for failures."
            ) from err
        for array in arrays:
            if is_cupy_array(array):
                array.device.synchronize()  # the group has streams of its own


class DeviceCommunicator:
    """A `Communicator` that also takes arrays of a GPU, which go from device to device.

    Parameters
    ----------
    host : Communicator
        For NumPy arrays: what workers tell each other about the gradients.
    device : Communicator
        For CuPy arrays: the gradients.
    """

    takes_device_arrays = True

    def __init__(self, host: Any, device: Any):
        self.rank: int = host.rank
        self.world_size: int = host.world_size
        self._host = host
        self._device = device

    def allreduce_(self, array: Any) -> None:
        """Put the sum over all workers into the array of each; see `Communicator`."""
        self._choose(array).allreduce_(array)

    def broadcast_(self, array: Any, root: int = 0) -> None:
        """Put the array of the worker `root` into that of each; see `Communicator`."""
        self._choose(array).broadcast_(array, root)

    def barrier(self) -> None:
        """Wait until every worker has come here."""
        self._host.barrier()

    def close(self) -> None:
        """Close the connections of both."""
        try:
            self._host.close()
        finally:
            self._device.close()

    def _choose(self, array: Any) -> Communicator:
        chosen: Communicator = self._device if is_cupy_array(array) else self._host
        return chosen


class RingOperations:
    """What a group of ``ray.util.collective`` does, by a `Communicator`. The other half is Ray's ``BaseGroup``.

    Arrays come in lists of one, as there is one device. They may be NumPy's, of any shape and layout, PyTorch's in main
    memory, or CuPy's, which are copied there and back.
    """

    communicator: Any

    def allreduce(self, tensor: list[Any], options: Any = None) -> None:
        """Put the sum, product, minimum or maximum over all workers into the array of each."""
        self._in_place(tensor[0], lambda flat: self._reduce(flat, options))

    def reduce(self, tensor: list[Any], options: Any = None) -> None:
        """Put it into the array of the worker `root_rank` only."""
        total = _flat_copy(tensor[0])
        self._reduce(total, options)
        if self.communicator.rank == getattr(options, "root_rank", 0):
            self._in_place(tensor[0], partial(_copy_from, total))

    def broadcast(self, tensor: list[Any], options: Any = None) -> None:
        """Put the array of the worker `root_rank` into that of each."""
        root = getattr(options, "root_rank", 0)
        self._in_place(tensor[0], lambda flat: self.communicator.broadcast_(flat, root))

    def allgather(self, tensor_list: list[list[Any]], tensor: list[Any], options: Any = None) -> None:
        """Put the array of each worker into that place of every worker's list."""
        rows = self._gather(_flat_copy(tensor[0]))
        for target, row in zip(tensor_list[0], rows, strict=True):
            self._in_place(target, partial(_copy_from, row))

    def reducescatter(self, tensor: list[Any], tensor_list: list[list[Any]], options: Any = None) -> None:
        """Put the sum over all workers of their lists' arrays at the place of a worker into the array of that one."""
        parts = [_flat_copy(part) for part in tensor_list[0]]
        total = numpy.concatenate(parts)
        self._reduce(total, options)
        rank = self.communicator.rank
        start = sum(len(part) for part in parts[:rank])
        own = total[start : start + len(parts[rank])]
        self._in_place(tensor[0], partial(_copy_from, own))

    def barrier(self, options: Any = None) -> None:
        """Wait until every worker has come here."""
        self.communicator.barrier()

    def send(self, tensor: list[Any], options: Any = None) -> None:
        """Refuse: a ring has no connection between any two workers."""
        raise NotImplementedError(
            "The backend 'thinc' has no send and recv, only operations of all workers. Pass the array between actors, "
            "by ray.put or as an argument, or take the backend 'gloo'."
        )

    recv = send

    def destroy_group(self) -> None:
        """Close the connections: other workers that still wait for this one get a ConnectionError."""
        self.communicator.close()

    def _reduce(self, flat: numpy.ndarray, options: Any) -> None:
        name = options.reduceOp.name if options is not None else "SUM"
        if name == "SUM":
            self.communicator.allreduce_(flat)
        else:  # rare, so that it need not be fast
            OPERATIONS[name].reduce(self._gather(flat), axis=0, out=flat)

    def _gather(self, flat: numpy.ndarray) -> numpy.ndarray:
        rows = numpy.empty((self.communicator.world_size, len(flat)), dtype=flat.dtype)
        rows[self.communicator.rank] = flat
        for rank, row in enumerate(rows):
            self.communicator.broadcast_(row, rank)
        return rows

    @staticmethod
    def _in_place(tensor: Any, change: Callable[[numpy.ndarray], None]) -> None:
        """Change an array of any kind by a function that changes a flat one of NumPy."""
        array = _on_host(tensor)
        if array is not None and array.flags.c_contiguous:
            change(array.reshape(-1))
            return
        flat = _flat_copy(tensor)
        change(flat)
        copy_array(tensor if array is None else array, flat.reshape(tensor.shape))


def _copy_from(source: numpy.ndarray, target: numpy.ndarray) -> None:
    target[:] = source


def _on_host(tensor: Any) -> numpy.ndarray | None:
    """The memory of an array, if it is main memory."""
    if isinstance(tensor, numpy.ndarray):
        return tensor
    if is_cupy_array(tensor):
        return None
    if is_torch_array(tensor) and tensor.device.type == "cpu":
        shared: numpy.ndarray = tensor.detach().numpy()
        return shared
    raise TypeError(f"The backend 'thinc' takes arrays in main memory or of CuPy, got {type(tensor)}")


def _flat_copy(tensor: Any) -> numpy.ndarray:
    array = _on_host(tensor)
    return tensor.get().reshape(-1) if array is None else array.flatten()
