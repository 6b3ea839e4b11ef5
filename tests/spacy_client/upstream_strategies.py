"""A pytest plugin: `thinc.tests.strategies`, which one file of spaCy's tests imports and no wheel of ours has."""

import sys
from types import ModuleType

import numpy
from hypothesis.extra import numpy as arrays
from hypothesis.strategies import floats


def ndarrays_of_shape(shape, lo=-10.0, hi=10.0, dtype="float32", width=32):
    """A strategy of arrays of the shape, with values in [lo, hi]."""
    values = floats(lo, hi, width=width)
    return arrays.arrays(numpy.dtype(dtype), shape, elements=values)


def install():
    """Make the module importable."""
    for name in ("thinc.tests", "thinc.tests.strategies"):
        sys.modules[name] = ModuleType(name)
    sys.modules["thinc.tests.strategies"].ndarrays_of_shape = ndarrays_of_shape


install()
