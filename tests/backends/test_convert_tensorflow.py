"""Arrays to TensorFlow and back, with TensorFlow itself."""

import numpy
import pytest
from numpy.testing import assert_array_equal

from helpers.contract_tensorflow import TENSORFLOW
from helpers.process import run_python
from helpers.unusual_arrays import aligned, unusual_arrays
from thinc.backends._convert_tensorflow import tensorflow2xp, xp2tensorflow
from thinc.util import is_tensorflow_array, is_tensorflow_gpu_array


@pytest.fixture(autouse=True)
def tf():
    TENSORFLOW.require()
    import tensorflow

    return tensorflow


@pytest.mark.parametrize("name", sorted({*unusual_arrays()} - {"longdouble"}))
def test_unusual_arrays_with_tensorflow(name):
    X = unusual_arrays()[name]
    tensor = xp2tensorflow(X)
    assert is_tensorflow_array(tensor) and not is_tensorflow_gpu_array(tensor)
    assert tuple(tensor.shape) == X.shape and tensor.dtype == X.dtype.newbyteorder("=").name
    assert_array_equal(tensor.numpy(), X)
    assert_array_equal(tensorflow2xp(tensor), X)


def test_memory_is_shared_with_tensorflow():
    X = aligned(3, 4)
    tensor = xp2tensorflow(X, requires_grad=True)
    Y = tensorflow2xp(tensor)
    assert numpy.shares_memory(X, Y)
    assert not Y.flags.writeable


def test_arrays_anywhere_in_memory(tf):
    """TensorFlow ends the process when it meets memory that starts at another address than it likes."""
    for offset in range(17):
        X = aligned(100).reshape(-1)[offset : offset + 64].reshape(8, 8)
        X[...] = numpy.eye(8)
        tensor = xp2tensorflow(X)
        assert_array_equal((tf.matmul(tensor, tensor)[1:] + tf.nn.relu(tensor)[1:]).numpy(), 2 * X[1:])


def test_a_variable_has_memory_of_its_own(tf):
    X = aligned(3, 4)
    variable = xp2tensorflow(X, requires_grad=True, as_variable=True)
    assert isinstance(variable, tf.Variable) and variable.trainable
    assert not xp2tensorflow(X, as_variable=True).trainable
    array = tensorflow2xp(variable)
    array += 1
    variable.assign_add(tf.ones((3, 4)) * 2)
    assert (X == 0).all() and (array == 1).all() and (variable.numpy() == 2).all()


def test_gradients_flow_if_asked_for(tf):
    for requires_grad in (True, False):
        with tf.GradientTape() as tape:
            given = tf.ones(3)
            tape.watch(given)
            tensor = xp2tensorflow(tensorflow2xp(given), requires_grad=requires_grad)
            tape.watch(tensor)
            Y = tensor * 2
        assert tape.gradient(Y, tensor) is not None


def test_bfloat16_becomes_float32(tf):
    array = tensorflow2xp(tf.constant([1.5, 2.5], dtype="bfloat16"))
    assert array.dtype == "float32"
    assert_array_equal(array, [1.5, 2.5])


def test_edge_model_30_enabling_works_after_util_is_imported():
    code = (
        "import warnings; warnings.simplefilter('ignore'); import numpy, sys\n"
        "import thinc.util, thinc.api\n"
        "assert 'tensorflow' not in sys.modules\n"
        "thinc.api.enable_tensorflow()\n"
        "assert thinc.util.has_tensorflow is True\n"
        "print(thinc.util.tensorflow2xp(thinc.util.xp2tensorflow(numpy.ones(2))))"
    )
    assert run_python("-c", code).stdout.split()[-2:] == ["[1.", "1.]"]
