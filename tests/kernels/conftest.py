"""Fixtures of the tests of kernels: instruction sets, types, threads."""

import pytest

import thinc
from thinc.kernels._dispatch import available_isas, use_isa


@pytest.fixture(params=available_isas())
def isa(request):
    with use_isa(request.param):
        yield request.param


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def one_thread_afterwards():
    yield
    thinc.set_num_threads(1)
