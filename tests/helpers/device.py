"""A stand-in for CuPy: arrays whose numbers only their own methods reach, as those of a GPU."""

import sys
from types import ModuleType

import numpy


class DeviceArray:
    def __init__(self, data):
        self._data = data
        self.device = self

    shape = property(lambda self: self._data.shape)
    size = property(lambda self: self._data.size)
    dtype = property(lambda self: self._data.dtype)
    flags = property(lambda self: self._data.flags)

    def get(self):
        return self._data.copy()

    def reshape(self, *shape):
        return DeviceArray(self._data.reshape(*shape))

    def synchronize(self):
        """Wait for the device, which is done."""

    def __getitem__(self, key):
        return DeviceArray(self._data[key])

    def __setitem__(self, key, value):
        self._data[key] = value._data

    def __itruediv__(self, number):
        self._data /= number
        return self

    def __array__(self, *arguments, **settings):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")


def use_as_cupy(monkeypatch):
    """Make it what ``sys.modules`` knows as CuPy."""
    cupy = ModuleType("cupy")
    cupy.ndarray = DeviceArray
    cupy.asarray = lambda data: data if isinstance(data, DeviceArray) else DeviceArray(numpy.array(data))
    cupy.concatenate = lambda arrays: DeviceArray(numpy.concatenate([array._data for array in arrays]))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return cupy
