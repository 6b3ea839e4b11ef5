"""Initial weights: the draws are those of NumPy's global generator."""

import math

import numpy
import pytest

from thinc import initializers
from thinc.backends import NumpyOps
from thinc.config import registry

UNIFORM = {
    "glorot": lambda o, i: math.sqrt(6 / (o + i)),
    "he": lambda o, i: math.sqrt(6 / i),
    "lecun": lambda o, i: math.sqrt(3 / i),
}
NORMAL = {
    "glorot": lambda o, i: math.sqrt(2 / (o + i)),
    "he": lambda o, i: math.sqrt(2 / i),
    "lecun": lambda o, i: math.sqrt(1 / i),
}
OPS = NumpyOps()


@pytest.mark.parametrize("shape", [(3, 4), (2, 5, 3), (0, 4), (4, 0), (0, 0)])
@pytest.mark.parametrize("family", sorted(UNIFORM))
def test_scaled(family, shape):
    has_fans = shape[0] + shape[1] > 0 and shape[1] > 0
    for kind, scales, draw in (
        ("uniform", UNIFORM, lambda s: numpy.random.uniform(-s, s, shape)),
        ("normal", NORMAL, lambda s: numpy.random.normal(0, s, shape)),
    ):
        numpy.random.seed(3)
        weights = getattr(initializers, f"{family}_{kind}_init")(OPS, shape)
        assert weights.dtype == numpy.float32 and weights.shape == shape
        if has_fans:
            numpy.random.seed(3)
            expected = draw(scales[family](shape[0], shape[1])).astype("float32")
            numpy.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize("name", [n for n in initializers.__all__ if n.split("_")[0] in UNIFORM])
def test_scaled_needs_two_dimensions(name):
    for shape in ((3,), (), 3):
        with pytest.raises(IndexError, match=r"expected \(nO, nI\)"):
            getattr(initializers, name)(OPS, shape)


def test_plain():
    assert not initializers.zero_init(OPS, (3, 2)).any()
    numpy.random.seed(0)
    weights = initializers.uniform_init(OPS, (50,), lo=2.0, hi=3.0)
    numpy.random.seed(0)
    numpy.testing.assert_array_equal(weights, numpy.random.uniform(2.0, 3.0, 50).astype("float32"))
    assert abs(initializers.uniform_init(OPS, (50,))).max() <= 0.1


def test_edge_model_29_the_mean_of_normal_init_is_the_deviation():
    assert not initializers.normal_init(OPS, (3,)).any()
    numpy.random.seed(0)
    weights = initializers.normal_init(OPS, (2, 3), mean=0.5)
    numpy.random.seed(0)
    numpy.testing.assert_array_equal(weights, numpy.random.normal(0, 0.5, 6).reshape(2, 3).astype("float32"))


@pytest.mark.parametrize("name", initializers.__all__)
def test_registered(name):
    configure = registry.get("initializers", f"{name}.v1")
    assert configure is getattr(initializers, f"configure_{name}")
    init = registry.resolve({"init": {"@initializers": f"{name}.v1"}})["init"]
    numpy.random.seed(1)
    weights = init(OPS, (2, 3))
    numpy.random.seed(1)
    numpy.testing.assert_array_equal(weights, getattr(initializers, name)(OPS, (2, 3)))
    assert init.__doc__ == getattr(initializers, name).__doc__


def test_settings():
    init = registry.resolve({"init": {"@initializers": "uniform_init.v1", "lo": 5.0, "hi": 6.0}})["init"]
    assert init(OPS, (4,)).min() >= 5.0
    init = initializers.configure_normal_init(mean=2.0)
    assert init(OPS, (40,)).std() > 1.0
