"""SparseLinear, both ways to choose weights: values, gradients and bad input."""

import pickle

import numpy
import pytest

from helpers.gradcheck import gradients
from thinc import layers
from thinc.backends._hashing import murmur3_x86_32

RNG = numpy.random.default_rng(0)
KEYS = numpy.array([5, 17, 99], dtype="uint64")
VALUES = numpy.array([1, 2, 0.5], dtype="float32")
LENGTHS = numpy.array([2, 1], dtype="int32")
BUILDS = [layers.SparseLinear, layers.SparseLinear_v2]


def known(build):
    model = build(3, length=8).initialize()
    model.set_param("W", numpy.arange(24, dtype="float32"))
    model.set_param("b", numpy.full(3, 100, dtype="float32"))
    return model


@pytest.mark.parametrize(
    "build, expected",
    [
        (layers.SparseLinear, [[118, 124, 130], [101, 102, 103]]),
        (layers.SparseLinear_v2, [[118, 166, 214], [101, 109, 117]]),
    ],
)
def test_edge_vectors_6_known_scores(build, expected):
    Y = known(build).predict((KEYS, VALUES, LENGTHS))
    assert Y.tolist() == expected and Y.dtype == "float32"


def positions(model, keys, c):
    """Where the weights of class c are for each key, by the hash in plain array code."""
    length = model.get_dim("length")
    hashes = numpy.stack([murmur3_x86_32(keys, seed) for seed in (0, 1)], axis=1).astype("int64")
    if model.attrs["v1_indexing"]:
        return (hashes & (length - 1)) + c
    return hashes % length + c * length


@pytest.mark.parametrize("length", [1, 2, 100, 2**12])
@pytest.mark.parametrize("build", BUILDS)
def test_scores_and_gradients(build, length):
    model = build(3, length=length).initialize()
    W = RNG.normal(size=3 * length).astype("float32")
    model.set_param("W", W)
    keys = RNG.integers(0, 2**64, size=30, dtype="uint64")
    values = RNG.normal(size=30).astype("float32")
    lengths = numpy.array([7, 0, 20, 3, 0], dtype="int32")
    examples = numpy.repeat(numpy.arange(5), lengths)
    X = (keys, values, lengths)
    Y, backprop = model(X, True)
    expected = numpy.zeros((5, 3))
    dY = RNG.normal(size=(5, 3)).astype("float32")
    dW = numpy.zeros(3 * length)
    for c in range(3):
        at = positions(model, keys, c)
        numpy.add.at(expected[:, c], examples, (values[:, None] * W[at]).sum(axis=1))
        numpy.add.at(dW, at, (values * dY[examples, c])[:, None])
    numpy.testing.assert_allclose(Y, expected, rtol=1e-4, atol=1e-5)
    for times in (1, 2):
        assert backprop(dY) is X
        numpy.testing.assert_allclose(model.get_grad("W"), times * dW, rtol=1e-4, atol=1e-5)
        numpy.testing.assert_allclose(model.get_grad("b"), times * dY.sum(axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("build", BUILDS)
def test_initialization(build):
    model = build()
    assert model.name == "sparse_linear"
    assert model.get_dim("length") == 2**18 and model.has_dim("nO") is None
    with pytest.raises(ValueError, match="nO"):
        model.initialize()
    model.initialize(Y=numpy.zeros((2, 3), dtype="f"))
    assert model.get_param("W").shape == (3 * 2**18,) and not model.get_param("W").any()
    assert model.get_param("b").shape == (3,)


@pytest.mark.parametrize("build", BUILDS)
def test_backprop_can_be_pickled(build):
    model = known(build)
    _, backprop = model((KEYS, VALUES, LENGTHS), True)
    other = pickle.loads(pickle.dumps(backprop))
    dY = numpy.ones((2, 3), dtype="float32")
    backprop(dY)
    other(dY)
    numpy.testing.assert_array_equal(other.model.get_grad("W"), model.get_grad("W"))


@pytest.mark.parametrize("build", BUILDS)
def test_edge_layers_18_no_examples(build):
    model = known(build)
    X = (KEYS[:0], VALUES[:0], LENGTHS[:0])
    Y, backprop = model(X, True)
    assert Y.shape == (0, 3)
    assert backprop(Y) is X
    assert not any(grad.any() for grad in gradients(model).values())
    Y, backprop = model((KEYS[:0], VALUES[:0], LENGTHS * 0), True)
    assert Y.tolist() == [[100] * 3] * 2
    backprop(Y)
    assert model.get_grad("b").tolist() == [200] * 3


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("dtype", ["float64", "float16", "int32"])
def test_edge_layers_18_other_types_are_cast(build, dtype):
    model, other = known(build), known(build)
    dY = numpy.array([[1, 2, 3], [4, 5, 6]], dtype="float32")
    Y, backprop = model((KEYS, VALUES, LENGTHS), True)
    backprop(dY)
    Y2, backprop = other((KEYS.astype("int64"), VALUES.astype("float64"), LENGTHS.astype("int64")), True)
    backprop(numpy.asfortranarray(dY.astype(dtype)))
    assert Y2.tolist() == Y.tolist() and Y2.dtype == "float32"
    for key, grad in gradients(model).items():
        numpy.testing.assert_array_equal(gradients(other)[key], grad)


def test_edge_layers_18_negative_keys_are_those_of_64_bits():
    model = known(layers.SparseLinear_v2)
    signed = model.predict((numpy.array([-1]), VALUES[:1], LENGTHS[1:]))
    unsigned = model.predict((numpy.array([2**64 - 1], dtype="uint64"), VALUES[:1], LENGTHS[1:]))
    assert signed.tolist() == unsigned.tolist()


BAD = {
    "'lengths' must fit in 32 bits": (KEYS, VALUES, LENGTHS.astype("int64") + 2**32),
    "lengths sum up to 4": (KEYS, VALUES, LENGTHS + numpy.array([1, 0], dtype="int32")),
    "lengths' must be at least 0": (KEYS, VALUES, numpy.array([4, -1])),
    "3 'keys', but 2 'values'": (KEYS, VALUES[:2], LENGTHS),
    "'keys' must be a vector of integers": (KEYS.astype("f"), VALUES, LENGTHS),
    "'keys' must be a vector": (KEYS[:, None], VALUES, LENGTHS),
    "'values' must be a vector of numbers": (KEYS, VALUES.astype(bool), LENGTHS),
    "'lengths' must be a vector of integers": (KEYS, VALUES, LENGTHS.astype("f")),
}


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("message", BAD)
def test_edge_layers_18_bad_batches_are_refused(build, message):
    match = message if message != "lengths sum up to 4" else "'lengths' must be at least 0 and sum up .* 3"
    with pytest.raises(ValueError, match=match):
        known(build).predict(BAD[message])


@pytest.mark.parametrize("build", BUILDS)
def test_bad_types_and_gradients_are_refused(build):
    model = known(build)
    with pytest.raises(TypeError, match=r"three arrays \(keys, values, lengths\), but got \(list"):
        model.predict((KEYS.tolist(), VALUES, LENGTHS))
    _, backprop = model((KEYS, VALUES, LENGTHS), True)
    for shape in ((2, 4), (3, 3), (6,)):
        with pytest.raises(ValueError, match="expected a gradient like the output"):
            backprop(numpy.ones(shape, dtype="float32"))
    assert not gradients(model)
    model.set_param("W", model.get_param("W")[:2])
    with pytest.raises(ValueError, match="too few"):
        model.predict((KEYS, VALUES, LENGTHS))


def at_an_odd_address(array):
    view = numpy.zeros(array.nbytes + 1, dtype="uint8")[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


@pytest.mark.parametrize("build", BUILDS)
def test_arrays_at_odd_addresses(build):
    """As `numpy.frombuffer` makes them of bytes from a file."""
    inputs, dY = (KEYS, VALUES, LENGTHS), numpy.arange(6, dtype="float32").reshape(2, 3)
    model, expected = known(build), known(build)
    Y, backprop = model.begin_update(tuple(map(at_an_odd_address, inputs)))
    backprop(at_an_odd_address(dY))
    Y_expected, backprop = expected.begin_update(inputs)
    backprop(dY)
    assert Y.tolist() == Y_expected.tolist()
    assert (model.get_grad("W") == expected.get_grad("W")).all()


@pytest.mark.parametrize("build", BUILDS)
def test_parameters_that_are_views(build):
    model = known(build)
    expected = model.predict((KEYS, VALUES, LENGTHS))
    model.set_param("W", numpy.repeat(model.get_param("W"), 2)[::2])
    model.set_param("b", at_an_odd_address(model.get_param("b")))
    assert (model.predict((KEYS, VALUES, LENGTHS)) == expected).all()
