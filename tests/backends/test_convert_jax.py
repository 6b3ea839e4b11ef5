"""Arrays to JAX and back."""

import numpy
import pytest
from numpy.testing import assert_array_equal

from helpers.unusual_arrays import aligned, unusual_arrays
from thinc.api import CupyOps, NumpyOps
from thinc.backends._convert_jax import get_jax_default_device, get_jax_device, jax2xp, xp2jax
from thinc.util import is_jax_array, is_jax_gpu_array

jax = pytest.importorskip("jax", reason="needs JAX: pip install thinc[jax]")


@pytest.mark.parametrize("name", sorted(unusual_arrays()))
def test_unusual_arrays(name):
    X = unusual_arrays()[name]
    array = xp2jax(X)
    assert is_jax_array(array) and not is_jax_gpu_array(array)
    assert array.shape == X.shape
    assert_array_equal(numpy.asarray(array), X)
    assert_array_equal(jax2xp(array), X)


def test_memory_is_shared():
    X = aligned(3, 4)
    for each in (X, X.T):
        array = xp2jax(each)
        assert array.unsafe_buffer_pointer() == X.ctypes.data
        assert_array_equal(numpy.asarray(array), each)
    Y = jax2xp(xp2jax(X))
    assert numpy.shares_memory(X, Y)
    assert not Y.flags.writeable


def test_an_array_that_cannot_be_shared_is_copied():
    X = aligned(4, 5)
    read_only = aligned(4, 5)
    read_only.flags.writeable = False
    for each in (X.reshape(-1)[1:], X[:, ::2], X[::-1], X.astype("float64"), read_only):
        array = xp2jax(each)
        before = numpy.array(array)
        each.flags.writeable = True
        each += 1
        assert_array_equal(numpy.asarray(array), before)


def test_64_bits_follow_the_setting_of_jax():
    assert xp2jax(numpy.ones(3)).dtype == "float32"
    assert xp2jax(numpy.arange(3)).dtype == "int32"


def test_text_is_refused():
    with pytest.raises(TypeError):
        xp2jax(numpy.array(["a"]))


def test_bfloat16_becomes_float32():
    array = jax2xp(jax.numpy.array([1.5, 2.5], dtype="bfloat16"))
    assert array.dtype == "float32"
    assert_array_equal(array, [1.5, 2.5])


class FakeCupyOps(CupyOps):
    def asarray(self, data, dtype=None):
        return ("on the device", data)


def test_ops_decide_where_the_array_is():
    array = jax.numpy.ones(2)
    assert isinstance(jax2xp(array, ops=NumpyOps()), numpy.ndarray)
    assert jax2xp(array, ops=FakeCupyOps())[0] == "on the device"


def test_devices():
    cpu = jax.devices("cpu")[0]
    assert get_jax_default_device() == cpu == get_jax_device("cpu", 3)
    assert xp2jax(numpy.ones(2), device=cpu).devices() == {cpu}
    with pytest.raises(ValueError, match="expected 'cpu' or 'gpu'"):
        get_jax_device("tpu", 0)
    with pytest.raises(ValueError, match="JAX has"):
        get_jax_device("gpu", 1000)
