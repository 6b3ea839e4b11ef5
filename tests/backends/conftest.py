"""Both CPU backends: the readable reference and the compiled one must pass the same tests."""

import numpy
import pytest

from thinc.backends import NumpyOps, Ops


@pytest.fixture(params=[Ops, NumpyOps], ids=["reference", "compiled"])
def ops(request):
    return request.param()


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def rng():
    return numpy.random.default_rng(0)
